import { NO_LIVE, type LiveBars, type LiveKind, type LiveState, type LiveTopic } from '@/domain/live';
import { Observable } from '@/lib/observable';
import { parseMessage, type Delta, type Message, type Snapshot, type SourceState, type StateMessage } from './protocol';
import { barsOfSnapshot, withDelta } from './series';

/** What is used of a WebSocket. */
export type Socket = Pick<WebSocket, 'send' | 'close'>;

export interface Hears {
  message: (data: unknown) => void;
  close: () => void;
}

/** Begins to connect; tells nothing before it returns. */
export type OpenSocket = (hears: Hears) => Socket;

/** The bars stay while other indicators are asked for. */
const sameBars = (one: LiveTopic, other: LiveTopic): boolean =>
  one.symbol === other.symbol && one.interval === other.interval && one.adjustment === other.adjustment;

/** The server beats every 15 s. */
export const UNHEARD_MS = 40_000;
/** How long a connection may take to open, or an answer to a ping after sleep. */
export const ANSWER_MS = 6_000;
export const FIRST_DELAY_MS = 1_000;
export const LONGEST_DELAY_MS = 30_000;
/** Deltas that come within this are shown together. */
export const SHOWN_EVERY_MS = 200;
const LOOK_MS = 2_000;
/** Between two looks passes more only if the machine or the page slept. */
const SLEPT_MS = 20_000;
const BARS = 1_000;

/**
 * The page's one connection to the live stream: what it is to follow is subscribed to, and goes on by number after
 * every interruption. `state` has the newest bars, and how far they are of now.
 */
export class LiveConnection {
  readonly state = new Observable<LiveState>(NO_LIVE);

  private readonly open: OpenSocket;
  private readonly random: () => number;
  private topic: LiveTopic | null = null;
  private socket: Socket | null = null;
  private isReady = false;
  private heardAt = 0;
  private failures = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private lookTimer: ReturnType<typeof setInterval> | undefined;
  private lookedAt = 0;

  private id = 0;
  private isAsked = false;
  private channel: string | null = null;
  private n = 0;
  private isCurrent = false;
  private isAway = false;
  private bars: LiveBars | null = null;
  private source: SourceState | null = null;
  private showTimer: ReturnType<typeof setTimeout> | undefined;
  private shownAt = -Infinity;

  constructor(open: OpenSocket, random: () => number = Math.random) {
    this.open = open;
    this.random = random;
  }

  /** Follow this from now on; null = nothing. */
  follow(topic: LiveTopic | null): void {
    if (this.isAsked) this.send({ op: 'unsubscribe', id: this.id });
    const hasSameBars = topic !== null && this.topic !== null && sameBars(topic, this.topic);
    this.topic = topic;
    this.forgetChannel();
    if (!hasSameBars) this.bars = this.source = null;
    this.show();
    if (topic === null) this.stop();
    else if (this.socket !== null) this.subscribe();
    else this.start();
  }

  /** Nothing is followed any more. */
  stop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.showTimer);
    clearInterval(this.lookTimer);
    this.showTimer = this.retryTimer = this.lookTimer = undefined;
    this.leave();
    this.isAway = false;
    this.failures = 0;
  }

  /** The page is seen again, or the machine is awake: look whether the connection still works. */
  wake(): void {
    if (this.topic === null) return;
    const { socket } = this;
    if (socket === null) {
      this.failures = 0;
      this.connect();
      return;
    }
    if (!this.isReady) return;
    const asked = Date.now();
    this.send({ op: 'ping' });
    setTimeout(() => {
      if (this.socket === socket && this.heardAt < asked) this.lose(0);
    }, ANSWER_MS);
  }

  private start(): void {
    this.lookedAt = Date.now();
    this.lookTimer ??= setInterval(() => {
      this.look();
    }, LOOK_MS);
    this.connect();
  }

  private look(): void {
    const now = Date.now();
    const slept = now - this.lookedAt > SLEPT_MS;
    this.lookedAt = now;
    if (slept) this.wake();
    else if (this.socket !== null && now - this.heardAt > (this.isReady ? UNHEARD_MS : ANSWER_MS)) this.lose();
  }

  private connect(): void {
    clearTimeout(this.retryTimer);
    this.heardAt = Date.now();
    const socket = this.open({
      message: (data) => {
        if (this.socket !== socket) return;
        this.heardAt = Date.now();
        const message = parseMessage(data);
        if (message !== null) this.take(message);
      },
      close: () => {
        if (this.socket === socket) this.lose();
      },
    });
    this.socket = socket;
  }

  /** Without a connection: the next one after a while that grows, and differs from page to page. */
  private lose(delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures) * (0.5 + this.random() / 2)): void {
    this.leave();
    this.isAway = true;
    this.failures += 1;
    this.show();
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      this.connect();
    }, delay);
  }

  private leave(): void {
    const { socket } = this;
    this.socket = null;
    this.isReady = this.isAsked = this.isCurrent = false;
    socket?.close();
  }

  private take(message: Message): void {
    switch (message.type) {
      case 'hello':
        this.isReady = true;
        this.subscribe();
        break;
      case 'subscribed':
        if (message.id === this.id) this.begin(message.channel);
        break;
      case 'snapshot':
        if (this.isOurs(message)) this.takeSnapshot(message);
        break;
      case 'delta':
      case 'state':
        if (this.isOurs(message)) this.takeNext(message);
        break;
      case 'error':
        if (message.id === this.id || (this.channel !== null && message.channel === this.channel)) this.takeError(message.status);
        break;
      case 'bye':
      case 'heartbeat':
      case 'pong':
      case 'unsubscribed':
        break;
    }
  }

  /** Messages of a channel count once it was subscribed to under the newest id. */
  private isOurs(message: { channel: string }): boolean {
    return this.isCurrent && message.channel === this.channel;
  }

  private subscribe(): void {
    if (!this.isReady || this.topic === null) return;
    const resume = this.channel === null || this.bars === null ? undefined : { channel: this.channel, n: this.n };
    this.id += 1;
    this.isAsked = true;
    this.isCurrent = false;
    this.send({ op: 'subscribe', id: this.id, ...this.topic, limit: BARS, resume });
  }

  /** What follows are the messages missed, if the channel is the one of before, else a snapshot. */
  private begin(channel: string): void {
    if (channel !== this.channel) this.n = -1;
    this.channel = channel;
    this.isCurrent = true;
    this.failures = 0;
    if (this.n >= 0) this.isAway = false;
    this.show();
  }

  private takeSnapshot(message: Snapshot): void {
    this.n = message.n;
    this.isAway = false;
    this.bars = barsOfSnapshot(message);
    this.source = message;
    this.show();
  }

  private takeNext(message: Delta | StateMessage): void {
    if (this.bars === null || message.n !== this.n + 1) {
      this.send({ op: 'unsubscribe', id: this.id });
      this.subscribe();
      return;
    }
    this.n = message.n;
    if (message.type === 'delta') {
      this.bars = withDelta(this.bars, message);
      if (this.source !== null) this.source = { ...this.source, as_of: message.as_of };
      this.showSoon();
    } else {
      this.source = message;
      this.show();
    }
  }

  /** What may be gone later is asked again later; a request that is wrong stays so. */
  private takeError(status: number): void {
    if (status === 429 || status >= 500) {
      this.lose();
      return;
    }
    this.forgetChannel();
    this.bars = this.source = null;
    this.show();
  }

  private send(message: object): void {
    if (this.socket !== null && this.isReady) this.socket.send(JSON.stringify(message));
  }

  private forgetChannel(): void {
    this.channel = null;
    this.n = -1;
    this.isAsked = this.isCurrent = false;
  }

  private showSoon(): void {
    if (this.showTimer !== undefined) return;
    const wait = this.shownAt + SHOWN_EVERY_MS - Date.now();
    if (wait <= 0) this.show();
    else
      this.showTimer = setTimeout(() => {
        this.show();
      }, wait);
  }

  private show(): void {
    clearTimeout(this.showTimer);
    this.showTimer = undefined;
    this.shownAt = Date.now();
    const { source } = this;
    const standing = { kind: this.kind(), asOf: source?.as_of ?? null, speed: source?.speed ?? null, madeUp: source?.made_up ?? false };
    this.state.set({ bars: this.bars, standing });
  }

  private kind(): LiveKind {
    const { source } = this;
    if (this.isAway) return 'reconnecting';
    if (source === null) return 'none';
    switch (source.state) {
      case 'live':
        return source.feed === 'replay' ? 'replay' : 'live';
      case 'silent':
      case 'clock':
        return 'delayed';
      case 'ended':
        return 'none';
      case 'reconnecting':
      case 'halted':
      case 'closed':
      case 'none':
        return source.state;
    }
  }
}
