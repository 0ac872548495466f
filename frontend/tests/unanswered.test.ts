import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PATIENCE_MS, Unanswered } from '@/app/unanswered';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Requests by hand: each hangs until it is answered. */
function setUp() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, networkMode: 'always' } } });
  const told: boolean[] = [];
  const unanswered = new Unanswered(client.getQueryCache(), (slow) => {
    if (told.at(-1) !== slow) told.push(slow);
  });
  const stop = unanswered.watch();
  const answers = new Map<string, (text: string) => void>();
  const ask = (name: string) => {
    const queryFn = () => new Promise<string>((resolve) => answers.set(name, resolve));
    client.query({ queryKey: [name], queryFn, staleTime: 0 }).catch(() => undefined);
  };
  const answer = (name: string) => answers.get(name)?.('answer');
  return { told, unanswered, stop, ask, answer, client };
}

describe('a request that hangs', () => {
  test('is told after five seconds and not before, and no more once it is answered', async () => {
    const { told, ask, answer } = setUp();
    ask('chart');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(told).toEqual([false]);
    await vi.advanceTimersByTimeAsync(10);
    expect(told).toEqual([false, true]);
    answer('chart');
    await vi.advanceTimersByTimeAsync(1);
    expect(told).toEqual([false, true, false]);
  });

  test('is the one to be sent anew, and not another that has only just begun', async () => {
    const { unanswered, ask } = setUp();
    ask('chart');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1000);
    ask('search');
    await vi.advanceTimersByTimeAsync(1010);
    expect(unanswered.release().map((query) => query.queryKey)).toEqual([['chart']]);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1000);
    expect(unanswered.release().map((query) => query.queryKey)).toEqual([['search']]);
  });

  test('has its full time again when it is sent anew', async () => {
    const { told, unanswered, ask, client } = setUp();
    ask('chart');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS + 1);
    unanswered.release();
    await client.cancelQueries({ queryKey: ['chart'] });
    ask('chart');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(told).toEqual([false, true, false]);
    await vi.advanceTimersByTimeAsync(10);
    expect(told).toEqual([false, true, false, true]);
  });

  test('is nobody’s concern once the page is left', async () => {
    const { told, ask, stop } = setUp();
    stop();
    ask('chart');
    await vi.advanceTimersByTimeAsync(2 * PATIENCE_MS);
    expect(told).toEqual([]);
  });
});
