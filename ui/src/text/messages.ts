// All messages. Importing them through here makes sure that they ask our own locale.

import "./locale.svelte";
import type en from "../../messages/en.json";
import type zhTW from "../../messages/zh-TW.json";

export * as m from "../generated/paraglide/messages";

type Missing<A, B> = Exclude<keyof A, keyof B>;
type Complete = [Missing<typeof en, typeof zhTW>, Missing<typeof zhTW, typeof en>] extends [never, never] ? true : false;

/** Does not compile when one language has a message that the other lacks. */
export type BothLanguagesComplete = Assert<Complete>;
type Assert<T extends true> = T;
