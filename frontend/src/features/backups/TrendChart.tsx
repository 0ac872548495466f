import type { Drill } from '@/api/types';
import { useTranslation } from '@/i18n';
import { formatAxisTime, formatSeconds } from '@/lib/format';
import { polylineOf, trendOf, type Measure, type Trend } from './trend';

/** One measure of the drills over time. What it shows is in the table of drills too. */
export function TrendChart({ drills, measure, name }: { drills: readonly Drill[]; measure: Measure; name: string }) {
  const { lang, m } = useTranslation();
  const trend = trendOf(drills, measure);
  if (trend === null) return <p className="explain">{m.backups.noDrills}</p>;
  const values = trend.points.map((point) => point.value);
  const spoken = m.backups.trendSpoken(
    name,
    drills.length,
    formatSeconds(lang, values.at(-1) ?? 0),
    formatSeconds(lang, Math.max(...values)),
  );
  return (
    <div className="trend" role="img" aria-label={spoken}>
      <div className="trend-scale">
        <span>{formatSeconds(lang, trend.top)}</span>
        <span>{formatSeconds(lang, 0)}</span>
      </div>
      <Plot trend={trend} />
      <div className="trend-axis">
        <span>{formatAxisTime(lang, trend.first, true)}</span>
        {trend.first !== trend.last && <span>{formatAxisTime(lang, trend.last, true)}</span>}
      </div>
      {trend.missing.length > 0 && <p className="fine-print trend-note">{m.backups.failedDrills(trend.missing.length)}</p>}
    </div>
  );
}

function Plot({ trend }: { trend: Trend }) {
  const percent = (fraction: number) => `${String(100 * fraction)}%`;
  return (
    <div className="trend-plot">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none">
        <polyline points={polylineOf(trend.points)} />
      </svg>
      {trend.points.map((point) => (
        <span key={point.id} className="trend-point" style={{ left: percent(point.x), bottom: percent(point.y) }} />
      ))}
      {trend.missing.map((x) => (
        <span key={x} className="trend-missing" style={{ left: percent(x) }} />
      ))}
    </div>
  );
}
