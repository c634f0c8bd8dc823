/** The page `/access`: three people's devices side by side, and what leaves them when a role goes. */

import "../app/guard.js";
import { mount } from "../app/mount.js";
import { CAST } from "../app/person.js";
import "../css/access.css";
import { Device } from "./device.js";
import { AccessPage } from "./page.js";

mount(<AccessPage devices={CAST.map((user) => new Device(user))} />);
