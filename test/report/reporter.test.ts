import { describe, expect, it } from "vitest";
import type { BuildEvent } from "../../src/model/event.js";
import { createReporter, paintFor, type ProgressMode } from "../../src/report/index.js";

const paint = paintFor({ choice: "never", env: {}, isTty: false });

/** What a reporter wrote for the events, with a clock that moves a second per event. */
function written(mode: ProgressMode, events: readonly BuildEvent[], ticks = 0): string {
  let text = "";
  let now = 0;
  let tick: () => void = () => undefined;
  const reporter = createReporter({
    mode,
    paint,
    columns: 60,
    write: (part) => void (text += part),
    readLog: () => "line one\nline two\n",
    now: () => now,
    every: (_ms, callback) => {
      tick = callback;
      return () => (tick = () => undefined);
    },
  });
  for (const event of events) {
    reporter.event(event);
    now += 1000;
  }
  for (let i = 0; i < ticks; i++) tick();
  reporter.end();
  tick();
  return text;
}

const started: BuildEvent = { type: "started", address: "image.a", cause: "recipe: cmd: +x" };
const built: BuildEvent = {
  type: "finished",
  address: "image.a",
  outcome: { kind: "built", result: `sha256:${"1".repeat(64)}`, nativeMs: 10, emulatedMs: 20 },
};

describe("createReporter()", () => {
  it("writes a line per change in plain mode, causes included", () => {
    expect(written("plain", [started, built])).toBe(
      "start  image.a  recipe: cmd: +x\n[1/1] built  image.a  sha256:111111111111  10ms native, 20ms emulated\n",
    );
  });

  it("says what runs when a pipe was silent for long", () => {
    expect(written("plain", [started], 1)).toContain("[0/0] image.a 1.0s\n");
  });

  it("shows the code, the excerpt, the help and the whole log of a failure", () => {
    const failed: BuildEvent = {
      type: "finished",
      address: "component.a",
      log: "/store/log",
      outcome: {
        kind: "failed",
        reason: { type: "command", what: "go build", exit: "exit 1", excerpt: "a.go:1:1: wrong" },
        help: "correct it",
      },
    };
    const text = written("plain", [failed]);
    for (const part of ["KM0501", "a.go:1:1: wrong", "help: correct it", "  | line two"]) {
      expect(text).toContain(part);
    }
  });

  it("writes one JSON object a line, numbered", () => {
    const lines = written("json", [started, built]).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([0, 1]);
  });

  it("leaves no status line behind on a terminal", () => {
    expect(written("tty", [started, built], 1).split("\u001b[2K").at(-1)).not.toContain("[0/");
  });

  it("keeps control characters of names away from the terminal", () => {
    const event: BuildEvent = { type: "warning", message: "bad \u001b[31m name" };
    expect(written("plain", [event])).toBe("warning  bad \\u001b[31m name\n");
  });

  it("writes nothing in quiet mode", () => {
    expect(written("quiet", [started, built])).toBe("");
  });
});
