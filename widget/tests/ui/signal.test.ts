import assert from "node:assert/strict";
import { test } from "node:test";
import { drawWith, signal } from "../../src/ui/signal";

test("every change draws at once, a value set again does not", () => {
  const count = signal(1);
  const drawn: number[] = [];
  drawWith(() => drawn.push(count.value));
  count.value = 2;
  count.value = 2;
  assert.deepEqual(drawn, [1, 2]);
  assert.equal(count.peek(), 2);
});

test("what drawing changes is drawn after it, not within", () => {
  const count = signal(0);
  const drawn: string[] = [];
  drawWith(() => {
    drawn.push(`begin ${count.value}`);
    if (count.value === 1) count.value = 2;
    drawn.push("end");
  });
  count.value = 1;
  assert.deepEqual(drawn, ["begin 0", "end", "begin 1", "end", "begin 2", "end"]);
});

test("a drawing that fails does not stop the next one", () => {
  const broken = signal(false);
  let drawn = 0;
  drawWith(() => {
    drawn += 1;
    if (broken.value) throw new Error("broken");
  });
  assert.throws(() => {
    broken.value = true;
  });
  broken.value = false;
  assert.equal(drawn, 3);
});
