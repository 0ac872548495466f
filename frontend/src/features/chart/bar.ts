import { changeOf } from '@/lib/prices';
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
  return {
    o: o[i] ?? null,
    h: h[i] ?? null,
    l: l[i] ?? null,
    c: c[i] ?? null,
    v: v[i] ?? null,
    change: changeOf(c[i - 1] ?? null, c[i] ?? null),
  };
}
