/** The page `/cities`: more than 100,000 rows, filtered, sorted and edited in the browser. */

import "../app/guard.js";
import { mount } from "../app/mount.js";
import { connect } from "../app/session.js";
import "../css/cities.css";
import "../css/grid.css";
import { CountingSocket } from "./counting-socket.js";
import { CitiesPage } from "./page.js";

const session = connect(CountingSocket);
mount(<CitiesPage {...session} />, session.client);
