import "./locale-guard";
import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { live } from "./model/live.svelte";

const target = document.getElementById("app");
if (target) {
  live.begin();
  mount(App, { target });
}
