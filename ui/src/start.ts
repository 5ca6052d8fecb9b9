import "./locale-guard";
import { mount } from "svelte";
import App from "./App.svelte";
import { live } from "./model/live.svelte";

const target = document.getElementById("app");
if (target) {
  target.replaceChildren();
  live.begin();
  mount(App, { target });
}
