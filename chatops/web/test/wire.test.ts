import { describe, expect, it } from "vitest";
import { bytesOf, compose, frameOf, noticeIn, spokenIn } from "../src/wire";

describe("a message", () => {
  it("travels as IRC's nick and text", () => {
    expect(compose("은정", "안녕하세요")).toBe("<은정> 안녕하세요");
    expect(JSON.parse(frameOf("<은정> 안녕"))).toEqual({ action: "sendMessage", message: "<은정> 안녕" });
  });

  it("is read as it was written", () => {
    for (const text of ["안녕", "", "두 줄\n둘째", "<b> nested", "a> b"]) {
      expect(spokenIn(compose("은정", text))).toEqual({ author: "은정", text });
    }
  });

  it.each(["hello", "<> empty", "<no end", "<a>no space", "<a\nb> line", `<${"x".repeat(33)}> long`, " <a> x", "<a<b> x"])(
    "is anonymous when it is not nick and text: %j",
    (frame) => expect(spokenIn(frame)).toEqual({ author: null, text: frame }),
  );

  it("never holds half of a character, which no server can write down", () => {
    expect(compose("", "a\uD83Db")).toBe("a\uFFFDb");
    expect(compose("", "\uDE00a")).toBe("\uFFFDa");
    expect(compose("", "😀")).toBe("😀");
  });

  it("is measured in bytes of UTF-8", () => expect(bytesOf("안녕😀a")).toBe(11));
});

describe("an error frame", () => {
  it("is our handler's", () => {
    const frame = '{"error":"MessageTooLarge","message":"Too large.","requestId":"r"}';
    expect(noticeIn(frame)).toEqual({ code: "MessageTooLarge", text: "Too large.", refused: true });
  });

  it("is API Gateway's", () => {
    const frame = '{"message":"Forbidden","connectionId":"c","requestId":"r"}';
    expect(noticeIn(frame)).toEqual({ code: "Forbidden", text: "Forbidden", refused: true });
  });

  it("of a server that failed half-way leaves open who got the message", () => {
    expect(noticeIn('{"message":"Endpoint request timed out","connectionId":"c","requestId":"r"}')?.refused).toBe(false);
  });

  it.each(["Too Many Requests", "Limit Exceeded"])("says that nobody got the message: %s", (message) =>
    expect(noticeIn(JSON.stringify({ message, connectionId: "c", requestId: "r" }))?.refused).toBe(true),
  );

  it("of a broadcast that ended early does not: some got the message", () => {
    const frame = '{"error":"Incomplete","message":"5 were not reached.","unreached":5,"requestId":"r"}';
    expect(noticeIn(frame)).toEqual({ code: "Incomplete", text: "5 were not reached.", refused: false });
  });

  it.each([
    "hello",
    "{not json}",
    '{"message":"hi"}',
    '{"error":"X"}',
    '{"message":5,"connectionId":"c","requestId":"r"}',
    '{"error":"X","message":"y"}',
    `{"error":"X","message":"${"y".repeat(5000)}","requestId":"r"}`,
    "<은정> {}",
  ])("is nothing else: %.60s", (frame) => expect(noticeIn(frame)).toBeNull());
});
