/** The page `/`: a board that several people edit at once. */

import "../app/guard.js";
import { mount } from "../app/mount.js";
import { connect } from "../app/session.js";
import "../css/board.css";
import "../css/card.css";
import { BoardPage } from "./page.js";

const session = connect();
mount(<BoardPage {...session} />, session.client);
