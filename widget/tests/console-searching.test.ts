import assert from "node:assert/strict";
import { test } from "node:test";
import { Searching } from "../src/console/searching";
import type { AgentServerFrame, AgentTicket, Search } from "../src/wire";
import { ticket, welcome } from "./console-fixtures";

function world(online = true) {
  const sent: Search[] = [];
  const opened: number[] = [];
  const net = { online };
  const searching = new Searching(
    (frame) => {
      if (net.online) sent.push(frame);
      return net.online;
    },
    (id) => opened.push(id),
  );
  return { searching, sent, opened, net };
}

const answer = (words: string, ...tickets: AgentTicket[]): AgentServerFrame => ({
  type: "searched",
  words,
  tickets,
  more: false,
});

test("what is typed is asked at Enter alone, and the answer to another question is nobody's", () => {
  const { searching, sent } = world();
  searching.text.value = " ortega ";
  assert.equal(searching.standing.value.phase, "none");
  searching.ask();
  assert.deepEqual(sent, [{ type: "search", words: "ortega" }]);
  searching.hear(answer("orte", ticket({ id: 1 })));
  assert.equal(searching.standing.value.phase, "asked");
  searching.hear(answer("ortega", ticket({ id: 1 }), ticket({ id: 2 })));
  const { standing } = searching;
  assert.deepEqual(standing.value.phase === "found" && standing.value.tickets.map(({ id }) => id), [1, 2]);
  searching.clear();
  searching.hear(answer("ortega", ticket({ id: 1 })));
  assert.equal(standing.value.phase, "none");
});

test("the one ticket of a number that was asked for is opened; of words it is shown", () => {
  const { searching, opened } = world();
  const one = ticket({ id: 7, number: 1042 });
  for (const words of ["1042", "#1042", "ortega", "104"]) {
    searching.text.value = words;
    searching.ask();
    searching.hear(answer(words, one));
  }
  assert.deepEqual(opened, [7, 7]);
});

test("without a connection it says so, and asks when there is one again", () => {
  const { searching, sent, net } = world(false);
  searching.text.value = "1042";
  searching.ask();
  assert.equal(searching.standing.value.phase, "offline");
  net.online = true;
  searching.hear(welcome([]));
  assert.deepEqual([sent.length, searching.standing.value.phase], [1, "asked"]);
  // It was lost on its way, with its connection.
  searching.hear(welcome([]));
  assert.equal(sent.length, 2);
  searching.hear({ type: "error", code: "rate_limited", verb: "search" });
  assert.equal(searching.standing.value.phase, "refused");
});

test("nothing is asked for no words, which give the lists back", () => {
  const { searching, sent } = world();
  searching.text.value = "  ";
  searching.ask();
  assert.deepEqual([sent.length, searching.standing.value.phase], [0, "none"]);
});
