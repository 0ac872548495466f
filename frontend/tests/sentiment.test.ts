import { describe, expect, test } from 'vitest';
import type { Sentiment } from '@/api/types';
import { bandOf, lineOf, linkOf, nearest, polygonOf, toneOf } from '@/features/sentiment/band';

const DAY = 86_400;

function sentiment(t: number[], columns: Partial<Sentiment> = {}): Sentiment {
  const all = <T>(value: T): T[] => t.map(() => value);
  return {
    symbol: 'ABC',
    interval: '1d',
    t,
    score: all(0.2),
    low: all(-0.1),
    high: all(0.5),
    positive: all(0.5),
    negative: all(0.2),
    unsure: all(0.1),
    posts: all(10),
    judged: all(10),
    voices: all(9),
    copies: all(0),
    effective_n: all(9),
    attention: all(null),
    state: all('final'),
    revision: all(1),
    models: [],
    coverage: 0.9,
    sample: false,
    has_earlier: false,
    ...columns,
  };
}

describe('where buckets lie', () => {
  test('times are as far apart as they are, and scores are on a scale of -1 to 1', () => {
    const { points } = bandOf(sentiment([0, DAY, 4 * DAY], { score: [1, 0, -1] }));
    expect(points.map(({ x }) => x)).toEqual([0, 25, 100]);
    expect(points.map(({ score }) => score)).toEqual([0, 50, 100]);
  });

  test('the interval is above and below the score', () => {
    for (const { score, low, high } of bandOf(sentiment([0, DAY])).points) {
      expect(high).toBeLessThan(score);
      expect(low).toBeGreaterThan(score);
    }
  });

  test('what lies outside the scale stays in the pane', () => {
    const [point] = bandOf(sentiment([0], { high: [3], low: [-2] })).points;
    expect([point?.high, point?.low]).toEqual([0, 100]);
  });

  test('a lone bucket lies in the middle and has a width', () => {
    const { points, runs } = bandOf(sentiment([5 * DAY]));
    expect(points[0]?.x).toBe(50);
    expect(polygonOf(runs[0] ?? [])).toBe('49.50,25.00 50.50,25.00 50.50,55.00 49.50,55.00');
  });

  test('no line is drawn over more than a week without posts', () => {
    const { runs } = bandOf(sentiment([0, DAY, 8 * DAY, 16 * DAY]));
    expect(runs.map((run) => run.map(({ index }) => index))).toEqual([[0, 1, 2], [3]]);
  });

  test('nothing is drawn of nothing', () => {
    expect(bandOf(sentiment([]))).toEqual({ points: [], runs: [], unusual: [] });
    expect(nearest([], 50)).toBe(-1);
  });

  test('the line goes through the scores, the polygon around them and back', () => {
    const run = bandOf(sentiment([0, DAY])).runs[0] ?? [];
    expect(lineOf(run)).toBe('0.00,40.00 100.00,40.00');
    expect(polygonOf(run)).toBe('0.00,25.00 100.00,25.00 100.00,55.00 0.00,55.00');
  });
});

test('attention is unusual from three standard deviations on, and never where it is not known', () => {
  const { unusual } = bandOf(sentiment([0, DAY, 2 * DAY, 3 * DAY], { attention: [null, 2.9, 3, 8] }));
  expect(unusual).toEqual([2, 3]);
});

test('the nearest bucket is found by its place', () => {
  const { points } = bandOf(sentiment([0, DAY, 4 * DAY]));
  expect([0, 12, 13, 70, 100].map((x) => nearest(points, x))).toEqual([0, 0, 1, 2, 2]);
});

test('a bucket leans only where its interval leaves out zero', () => {
  expect([toneOf(0.1, 0.4), toneOf(-0.4, -0.1), toneOf(-0.1, 0.4), toneOf(0, 0.2)]).toEqual(['positive', 'negative', 'open', 'open']);
});

test('only addresses of the web become links', () => {
  expect(linkOf('https://example.com/1')).toBe('https://example.com/1');
  expect([linkOf(null), linkOf('javascript:alert(1)'), linkOf('/operations'), linkOf('data:text/html,x')]).toEqual([null, null, null, null]);
});
