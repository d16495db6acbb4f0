/** Shows what the launcher does: one line for each step, and on a terminal one more line that changes. */
export type Progress = {
  /** Times `work` and prints one line for it when it is done. */
  step<T>(title: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  line(text: string): void;
};

export function createProgress(out: NodeJS.WriteStream = process.stdout): Progress {
  const running = new Map<string, string>();
  // Seconds since the process began, including the set-up, as in the line at the end.
  const seconds = (): string => `${(performance.now() / 1000).toFixed(1).padStart(5)} s`;
  let drawnTitles = '';
  const redraw = setInterval(draw, 200);
  redraw.unref();

  function erase(): void {
    if (out.isTTY && drawnTitles !== '') out.write('\r\x1b[2K');
    drawnTitles = '';
  }

  function draw(): void {
    if (!out.isTTY || running.size === 0) return;
    erase();
    drawnTitles = [...running].map(([title, detail]) => (detail ? `${title} ${detail}` : title)).join(' · ');
    out.write(`${seconds()}  ${drawnTitles} …`.slice(0, (out.columns ?? 80) - 1));
  }

  const line = (text: string): void => {
    erase();
    out.write(`${text}\n`);
    draw();
  };

  return {
    line,
    async step(title, work) {
      const stepStartedAt = performance.now();
      let saidAt = 0;
      running.set(title, '');
      draw();
      try {
        const result = await work((text) => {
          running.set(title, text);
          // Without a terminal, a long step prints a line every few seconds, to show that it is still running.
          if (!out.isTTY && performance.now() - Math.max(saidAt, stepStartedAt) > 5_000) {
            saidAt = performance.now();
            line(`${seconds()}  ${title}: ${text}`);
          }
        });
        running.delete(title);
        line(`${seconds()}  ${title.padEnd(28)} ${Math.round(performance.now() - stepStartedAt)} ms`);
        return result;
      } finally {
        running.delete(title);
      }
    },
  };
}
