import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveBars, LiveTopic } from '@/domain/live';
import { ANSWER_MS, LiveConnection, SHOWN_EVERY_MS, UNHEARD_MS, type Hears, type Socket } from '@/features/live/connection';
import type { BarRow } from '@/features/live/protocol';

const TOPIC: LiveTopic = { symbol: 'ES', interval: '1m', adjustment: 'split', indicators: ['sma(2)'] };

/** The server's end, by hand. */
class Wire implements Socket {
  readonly page: Hears;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;

  constructor(page: Hears) {
    this.page = page;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  say(message: object): void {
    this.page.message(JSON.stringify(message));
  }

  /** Greets, and answers the last subscription. */
  accept(channel = 'a-1'): void {
    this.say({ type: 'hello' });
    this.subscribed(channel);
  }

  subscribed(channel = 'a-1'): void {
    this.say({ type: 'subscribed', id: this.asked().id, channel });
  }

  asked(): { id?: number; resume?: { channel: string; n: number } } {
    return this.sent.findLast((one) => one['op'] === 'subscribe') ?? {};
  }

  snapshot(n: number, more: object = {}): void {
    const bars = { t: [60, 120], o: [1, 2], h: [1, 2], l: [1, 2], c: [1, 2], v: [5, 5] };
    const indicators = [{ spec: 'sma(2)', outputs: { real: [null, 1.5] } }];
    const source = { feed: 'replay', run: 'r', speed: 60, made_up: false, state: 'live', as_of: 150_000 };
    this.say({ type: 'snapshot', channel: 'a-1', n, symbol: 'ES', interval: '1m', adjustment: 'split', ...source, bars, forming: 1, indicators, ...more });
  }

  delta(n: number, ...rows: [t: number, close: number, state: 'forming' | 'closed'][]): void {
    const bars = rows.map(([t, c, state]): BarRow => [t, c, c, c, c, 5, state]);
    this.say({ type: 'delta', channel: 'a-1', n, as_of: 1, bars, indicators: { 'sma(2)': { real: rows.map(([, c]) => c / 2) } } });
  }
}

/** `random` shortens the waits: 1 = not at all. */
function setUp(random = () => 1) {
  const wires: Wire[] = [];
  const connection = new LiveConnection(
    (page) => {
      const wire = new Wire(page);
      wires.push(wire);
      return wire;
    },
    random,
  );
  connection.follow(TOPIC);
  const wire = (): Wire => {
    const last = wires.at(-1);
    if (last === undefined) throw new Error('no connection was opened');
    return last;
  };
  const bars = (): LiveBars => {
    const found = connection.state.get().bars;
    if (found === null) throw new Error('no bars');
    return found;
  };
  const kind = () => connection.state.get().standing.kind;
  return { connection, wires, wire, bars, kind };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a live connection', () => {
  test('subscribes to what is shown once it is greeted, and shows the snapshot', () => {
    const { wire, bars, kind } = setUp();
    expect(wire().sent).toEqual([]);
    wire().accept();
    expect(wire().sent).toEqual([{ op: 'subscribe', id: 1, ...TOPIC, limit: 1000 }]);
    expect(kind()).toBe('none');
    wire().snapshot(7);
    expect(kind()).toBe('replay');
    expect(bars().t).toEqual([60, 120]);
    expect([...bars().forming]).toEqual([120]);
  });

  test('puts deltas in: the forming bar moves, closes, and the next one begins', () => {
    const { wire, bars } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().delta(8, [120, 3, 'forming']);
    vi.advanceTimersByTime(SHOWN_EVERY_MS);
    expect(bars().c).toEqual([1, 3]);
    wire().delta(9, [120, 4, 'closed'], [180, 5, 'forming']);
    vi.advanceTimersByTime(SHOWN_EVERY_MS);
    expect(bars().t).toEqual([60, 120, 180]);
    expect(bars().c).toEqual([1, 4, 5]);
    expect([...bars().forming]).toEqual([180]);
    expect(bars().indicators.get('sma(2)')).toEqual({ real: [null, 2, 2.5] });
  });

  test('shows what comes in quick succession at once, and the last of it', () => {
    const { connection, wire, bars } = setUp();
    wire().accept();
    wire().snapshot(7);
    const told = vi.fn();
    connection.state.subscribe(told);
    for (let n = 8; n < 28; n += 1) wire().delta(n, [120, n, 'forming']);
    vi.advanceTimersByTime(SHOWN_EVERY_MS);
    expect(told).toHaveBeenCalledTimes(1);
    expect(bars().c).toEqual([1, 27]);
  });

  test('asks again from the last number where one is missing, and takes nothing in between', () => {
    const { wire, bars } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().delta(9, [120, 9, 'forming']);
    wire().delta(10, [120, 10, 'forming']);
    expect(wire().sent.slice(1)).toEqual([
      { op: 'unsubscribe', id: 1 },
      { op: 'subscribe', id: 2, ...TOPIC, limit: 1000, resume: { channel: 'a-1', n: 7 } },
    ]);
    wire().subscribed();
    wire().delta(8, [120, 8, 'forming']);
    wire().delta(9, [120, 9, 'forming']);
    vi.advanceTimersByTime(SHOWN_EVERY_MS);
    expect(bars().c).toEqual([1, 9]);
  });

  test('begins anew with a snapshot where the server cannot go on', () => {
    const { wire, bars } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().delta(9, [120, 9, 'forming']);
    wire().subscribed();
    wire().snapshot(300, { bars: { t: [600], o: [6], h: [6], l: [6], c: [6], v: [1] }, forming: 0, indicators: [] });
    expect(bars().t).toEqual([600]);
    expect([...bars().forming]).toEqual([]);
    wire().delta(301, [660, 7, 'forming']);
    vi.advanceTimersByTime(SHOWN_EVERY_MS);
    expect(bars().c).toEqual([6, 7]);
  });

  test('says that it reconnects, keeps what it has, and goes on by number', () => {
    const { wire, wires, bars, kind } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().page.close();
    expect(kind()).toBe('reconnecting');
    expect(bars().c).toEqual([1, 2]);
    vi.advanceTimersByTime(1000);
    expect(wires).toHaveLength(2);
    wire().say({ type: 'hello' });
    expect(wire().asked().resume).toEqual({ channel: 'a-1', n: 7 });
    expect(kind()).toBe('reconnecting');
    wire().subscribed();
    expect(kind()).toBe('replay');
  });

  test('says that it reconnects until the snapshot of another server is there', () => {
    const { wire, kind } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().page.close();
    vi.advanceTimersByTime(1000);
    wire().accept('b-1');
    expect(kind()).toBe('reconnecting');
    wire().snapshot(1, { channel: 'b-1' });
    expect(kind()).toBe('replay');
  });

  test('waits longer after each failure, up to half a minute, and begins anew after a success', () => {
    const { wire, wires } = setUp();
    const waits = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
    for (const wait of waits) {
      const before = wires.length;
      wire().page.close();
      vi.advanceTimersByTime(wait - 1);
      expect(wires).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(wires).toHaveLength(before + 1);
    }
    wire().accept();
    const before = wires.length;
    wire().page.close();
    vi.advanceTimersByTime(1000);
    expect(wires).toHaveLength(before + 1);
  });

  test('spreads the waits of many pages', () => {
    const { wire, wires } = setUp(() => 0);
    wire().page.close();
    vi.advanceTimersByTime(500);
    expect(wires).toHaveLength(2);
  });

  test('connects anew when nothing is heard, and stays while heartbeats come', () => {
    const { wire, wires, kind } = setUp();
    wire().accept();
    wire().snapshot(7);
    for (let beats = 0; beats < 10; beats += 1) {
      vi.advanceTimersByTime(15_000);
      wire().say({ type: 'heartbeat', at: 1 });
    }
    expect(wires).toHaveLength(1);
    const first = wire();
    vi.advanceTimersByTime(UNHEARD_MS + 2_500);
    expect(first.isClosed).toBe(true);
    expect(kind()).toBe('reconnecting');
  });

  test('gives up a connection that never opens', () => {
    const { wire, wires } = setUp();
    const first = wire();
    vi.advanceTimersByTime(ANSWER_MS + 3_000);
    expect(first.isClosed).toBe(true);
    expect(wires.length).toBeGreaterThan(1);
  });

  test('asks after sleep whether the connection still works: silence ends it at once', () => {
    const { wire, wires } = setUp();
    wire().accept();
    wire().snapshot(7);
    const first = wire();
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(2_000);
    expect(first.sent.at(-1)).toEqual({ op: 'ping' });
    expect(first.isClosed).toBe(false);
    vi.advanceTimersByTime(ANSWER_MS);
    expect(first.isClosed).toBe(true);
    vi.advanceTimersByTime(1);
    expect(wires).toHaveLength(2);
  });

  test('keeps a connection that answers after sleep', () => {
    const { connection, wire, wires } = setUp();
    wire().accept();
    wire().snapshot(7);
    connection.wake();
    vi.advanceTimersByTime(100);
    wire().say({ type: 'pong' });
    vi.advanceTimersByTime(ANSWER_MS);
    expect(wires).toHaveLength(1);
    expect(wire().isClosed).toBe(false);
  });

  test('does not wait any longer once the page is seen again', () => {
    const { connection, wire, wires } = setUp();
    for (let tries = 0; tries < 6; tries += 1) {
      wire().page.close();
      vi.advanceTimersByTime(30_000);
    }
    wire().page.close();
    const before = wires.length;
    connection.wake();
    expect(wires).toHaveLength(before + 1);
    vi.advanceTimersByTime(5_000);
    expect(wires).toHaveLength(before + 1);
  });

  test('follows another stock on the same connection and takes nothing of the one before', () => {
    const { connection, wire, wires } = setUp();
    wire().accept();
    wire().snapshot(7);
    connection.follow({ ...TOPIC, symbol: 'AAPL' });
    expect(connection.state.get().bars).toBeNull();
    wire().delta(8, [120, 3, 'forming']);
    expect(connection.state.get().bars).toBeNull();
    expect(wire().sent.slice(1).map((one) => [one['op'], one['id'], one['symbol']])).toEqual([
      ['unsubscribe', 1, undefined],
      ['subscribe', 2, 'AAPL'],
    ]);
    expect(wires).toHaveLength(1);
  });

  test('keeps the bars while another indicator is asked for', () => {
    const { connection, wire, bars } = setUp();
    wire().accept();
    wire().snapshot(7);
    connection.follow({ ...TOPIC, indicators: [] });
    expect(bars().c).toEqual([1, 2]);
    expect(wire().asked().resume).toBeUndefined();
    wire().subscribed('a-2');
    wire().snapshot(1, { channel: 'a-2', indicators: [] });
    expect(bars().indicators.size).toBe(0);
  });

  test('asks again later where the server has no room, and not where the request is wrong', () => {
    const busy = setUp();
    busy.wire().say({ type: 'hello' });
    busy.wire().say({ type: 'error', id: 1, status: 503, detail: 'no room' });
    expect(busy.kind()).toBe('reconnecting');
    vi.advanceTimersByTime(1000);
    expect(busy.wires).toHaveLength(2);
    const wrong = setUp();
    wrong.wire().say({ type: 'hello' });
    wrong.wire().say({ type: 'error', id: 1, status: 400, detail: 'no such indicator' });
    vi.advanceTimersByTime(30_000);
    expect(wrong.kind()).toBe('none');
    expect(wrong.wire().sent).toHaveLength(1);
  });

  test.each([
    ['silent', 'delayed'],
    ['clock', 'delayed'],
    ['reconnecting', 'reconnecting'],
    ['halted', 'halted'],
    ['closed', 'closed'],
    ['none', 'none'],
    ['live', 'live'],
  ])('tells a source that is %s as %s, with the time of its newest price', (state, kind) => {
    const { connection, wire } = setUp();
    wire().accept();
    wire().snapshot(7);
    wire().say({ type: 'state', channel: 'a-1', n: 8, feed: 'live', state, as_of: 99 });
    expect(connection.state.get().standing).toMatchObject({ kind, asOf: 99 });
  });

  test('passes over what is no message', () => {
    const { wire, bars } = setUp();
    wire().page.message('{');
    wire().page.message(new ArrayBuffer(2));
    wire().say({ type: 'of a later version' });
    wire().accept();
    wire().snapshot(7);
    expect(bars().t).toEqual([60, 120]);
  });
});
