import type { ChartData } from './data';

export interface Bar {
  o: number | null;
  h: number | null;
  l: number | null;
  c: number | null;
  v: number | null;
  /** Against the close before, as a ratio. */
  change: number | null;
}

export function barAt({ o, h, l, c, v }: ChartData, i: number): Bar {
  const [close, before] = [c[i] ?? null, c[i - 1] ?? null];
  return {
    o: o[i] ?? null,
    h: h[i] ?? null,
    l: l[i] ?? null,
    c: close,
    v: v[i] ?? null,
    change: close === null || before === null || before === 0 ? null : close / before - 1,
  };
}
