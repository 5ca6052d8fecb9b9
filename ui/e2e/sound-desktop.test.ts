import { WEARS } from "./pages";
import { everyPageIsSound } from "./sound";

everyPageIsSound(900, 600, () => WEARS);
