import type { LiveBars, LiveColumn } from '@/domain/live';
import type { BarRow, Delta, Snapshot } from './protocol';

type Columns = Pick<LiveBars, 't' | 'o' | 'h' | 'l' | 'c' | 'v'>;
const PRICES = ['o', 'h', 'l', 'c', 'v'] as const;

export function barsOfSnapshot(snapshot: Snapshot): LiveBars {
  const { symbol, interval, adjustment, feed, bars, forming } = snapshot;
  return {
    symbol,
    interval,
    adjustment,
    feed,
    run: snapshot.run ?? null,
    ...bars,
    forming: new Set(forming > 0 ? bars.t.slice(-forming) : []),
    indicators: new Map(snapshot.indicators.map(({ spec, outputs }) => [spec, outputs])),
  };
}

/** The bars with a delta: each of its bars takes the place of the one that starts with it, or is the next one. */
export function withDelta(bars: LiveBars, delta: Delta): LiveBars {
  const { places, t } = placesOf(bars.t, delta.bars);
  const columns: Columns = { t, o: [], h: [], l: [], c: [], v: [] };
  PRICES.forEach((name, position) => {
    columns[name] = placed(bars[name], places, delta.bars.map((row) => row[position + 1] as number | null));
  });
  const forming = new Set(bars.forming);
  for (const row of delta.bars) {
    if (row[6] === 'forming') forming.add(row[0]);
    else forming.delete(row[0]);
  }
  const indicators = [...bars.indicators].map(([spec, outputs]): [string, Record<string, LiveColumn>] => [
    spec,
    Object.fromEntries(
      Object.entries(outputs).map(([name, column]) => {
        const values = delta.indicators?.[spec]?.[name];
        return [name, placed(column, places, delta.bars.map((_, row) => values?.[row] ?? null))];
      }),
    ),
  ]);
  return { ...bars, ...columns, forming, indicators: new Map(indicators) };
}

/** Where each row goes; a row between two bars (a late one) cannot come: that is a new snapshot. */
function placesOf(before: readonly number[], rows: readonly BarRow[]): { places: number[]; t: number[] } {
  const t = [...before];
  const places = rows.map(([start]) => {
    const found = t.lastIndexOf(start);
    return found >= 0 ? found : t.push(start) - 1;
  });
  return { places, t };
}

function placed(column: LiveColumn, places: readonly number[], values: LiveColumn): LiveColumn {
  const found = [...column];
  places.forEach((place, row) => {
    found[place] = values[row] ?? null;
  });
  return found;
}
