import assert from "node:assert/strict";
import { test } from "node:test";
import { isFromFrame, isToFrame } from "../src/host-messages";

const FROM_FRAME = [
  { chat: 1, type: "hello" },
  { chat: 1, type: "ready" },
  { chat: 1, type: "close" },
  { chat: 1, type: "unread", count: 0 },
  { chat: 1, type: "keep", keep: false },
  { chat: 1, type: "needUserToken", id: 1 },
  { chat: 1, type: "event", name: "rated", detail: { stars: 5 } },
];
const TO_FRAME = [
  { chat: 1, type: "boot", options: { locale: "es", page: { url: "https://host.example/", title: "" } } },
  { chat: 1, type: "panel", open: true },
  { chat: 1, type: "go", view: "ticket", number: 7 },
  { chat: 1, type: "shutdown" },
  { chat: 1, type: "userToken", id: 1, token: null },
  { chat: 1, type: "page", url: "https://host.example/", title: "" },
];

test("every message is heard by its own side, and by no other", () => {
  for (const message of FROM_FRAME) {
    assert.ok(isFromFrame(message), message.type);
    assert.ok(!isToFrame(message), message.type);
  }
  for (const message of TO_FRAME) {
    assert.ok(isToFrame(message), message.type);
    assert.ok(!isFromFrame(message), message.type);
  }
});

test("a message without its tag, or of another version, is not heard", () => {
  for (const message of FROM_FRAME) assert.ok(!isFromFrame({ ...message, chat: undefined }));
  for (const message of TO_FRAME) assert.ok(!isToFrame({ ...message, chat: 2 }));
});

test("a message with a field missing, or of another kind, is not heard", () => {
  for (const message of [...FROM_FRAME, ...TO_FRAME]) {
    const fields = Object.keys(message).filter(
      (it) => !["chat", "type", "detail", "number", "token"].includes(it),
    );
    for (const field of fields) {
      for (const value of [undefined, null, Symbol("other")]) {
        const wrong = { ...message, [field]: value };
        assert.ok(!isFromFrame(wrong) && !isToFrame(wrong), `${message.type}.${field}`);
      }
    }
  }
});

test("what is no message at all is not heard", () => {
  for (const data of [null, undefined, 1, "hello", [], {}, { chat: 1 }, { chat: 1, type: "constructor" }]) {
    assert.ok(!isFromFrame(data) && !isToFrame(data));
  }
  assert.ok(!isFromFrame({ chat: 1, type: "" }) && !isFromFrame({ chat: 1, type: ["hello"] }));
});
