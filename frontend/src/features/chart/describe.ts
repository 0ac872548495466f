import type { Interval } from '@/api/types';
import { isIntraday } from '@/domain/intervals';
import { useTranslation } from '@/i18n';
import { formatBarTime, formatChange, MISSING } from '@/lib/format';
import { formatPrice, type PriceStyle } from '@/lib/prices';
import { barAt } from './bar';
import type { ChartData } from './data';

/** The bar as a sentence, for a reader who does not see the chart. */
export function useDescription({ data, interval, prices, timeZone }: { data: ChartData; interval: Interval; prices: PriceStyle; timeZone: string }) {
  const { lang, m } = useTranslation();
  return (index: number): string => {
    const t = data.t[index];
    if (t === undefined) return '';
    const bar = barAt(data, index);
    const write = (value: number | null) => formatPrice(lang, prices, value);
    const change = bar.change === null ? MISSING : formatChange(lang, bar.change);
    const spoken = m.chart.spoken(formatBarTime(lang, t, isIntraday(interval), timeZone), write(bar.o), write(bar.h), write(bar.l), write(bar.c), change);
    return index < data.formingFrom ? spoken : m.live.spokenForming(spoken);
  };
}
