import type { Query, QueryCache } from '@tanstack/react-query';

/** How long a request may take before the reader is told. */
export const PATIENCE_MS = 5000;

/** Requests that have waited too long for their answer. */
export class Unanswered {
  private readonly cache: QueryCache;
  private readonly tell: (slow: boolean) => void;
  private readonly since = new Map<Query, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(cache: QueryCache, tell: (slow: boolean) => void) {
    this.cache = cache;
    this.tell = tell;
  }

  watch(): () => void {
    const stop = this.cache.subscribe(() => {
      this.look();
    });
    return () => {
      stop();
      clearTimeout(this.timer);
    };
  }

  /** The queries that have waited too long; each has its full time again. */
  release(): Query[] {
    const late = this.late();
    for (const query of late) this.since.delete(query);
    this.look();
    return late;
  }

  private late(): Query[] {
    const now = Date.now();
    return [...this.since].filter(([, since]) => now - since >= PATIENCE_MS).map(([query]) => query);
  }

  private look(): void {
    const now = Date.now();
    const waiting = this.cache.getAll().filter((query) => query.state.fetchStatus === 'fetching');
    for (const query of this.since.keys()) if (!waiting.includes(query)) this.since.delete(query);
    for (const query of waiting) if (!this.since.has(query)) this.since.set(query, now);
    clearTimeout(this.timer);
    const next = Math.min(...[...this.since.values()].map((since) => since + PATIENCE_MS).filter((end) => end > now));
    if (next < Infinity) this.timer = setTimeout(this.look.bind(this), next - now);
    this.tell(this.late().length > 0);
  }
}
