// The desk page starts here. The server renders the cases; live.js keeps them current, presses.js and sending.js
// carry out what specialists press. Imports lead one way only, from this file down to page.js.

import "./presses.js";
import "./sending.js";
import { listen } from "./live.js";

listen();
