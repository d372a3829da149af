// Socket.IO with better-sqlite3, synchronous=FULL, a commit per message: what most would build first.
// `node socketio.mjs DIRECTORY`; both packages are found through the directory that DIRECTORY lies in (see bench/node.py).
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { join } from "node:path";

const [directory, packages] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const { Server } = require("socket.io");
const Database = require("better-sqlite3");

const database = new Database(join(directory, "relay.db"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(
  "CREATE TABLE items (pair INTEGER, seq INTEGER, cid TEXT, text TEXT, PRIMARY KEY (pair, seq), UNIQUE (pair, cid))",
);
const insert = database.prepare("INSERT INTO items VALUES (?, ?, ?, ?)");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
const agents = new Map();
const last = new Map();

io.on("connection", (socket) => {
  let pair = -1;
  socket.on("hello", (hello) => {
    pair = hello.pair;
    if (hello.role === "agent") agents.set(pair, socket);
    socket.emit("ok", {});
  });
  socket.on("m", ({ id, text }) => {
    const seq = (last.get(pair) ?? 0) + 1;
    last.set(pair, seq);
    insert.run(pair, seq, id, text);
    agents.get(pair).emit("d", { id, seq, text });
    socket.emit("a", { id, seq });
  });
});

http.listen(0, "127.0.0.1", () => console.log(`ready ${http.address().port}`));
