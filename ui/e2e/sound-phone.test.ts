import { WEARS } from "./pages";
import { everyPageIsSound } from "./sound";

// Half of them by turns: each page in both languages and both themes, each pair on every other page.
everyPageIsSound(390, 844, (i) => (i % 2 === 0 ? WEARS.slice(0, 2) : WEARS.slice(2)));
