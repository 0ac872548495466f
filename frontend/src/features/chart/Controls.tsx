import type { Adjustment, Interval } from '@/api/types';
import { ADJUSTMENTS, INTERVALS, RANGES, type Range } from '@/domain/intervals';
import { useTranslation } from '@/i18n';
import { Segmented } from '@/ui/Segmented';

interface IntervalProps {
  value: Interval;
  /** null = not known yet: all are shown. */
  available: readonly Interval[] | null;
  onChoose: (interval: Interval) => void;
}

export function IntervalPicker({ value, available, onChoose }: IntervalProps) {
  const { m } = useTranslation();
  const shown = INTERVALS.filter((interval) => available === null || available.includes(interval) || interval === value);
  const segments = shown.map((interval) => ({ value: interval, ...m.intervals[interval] }));
  return <Segmented label={m.toolbar.interval} segments={segments} value={value} onChoose={onChoose} />;
}

export function RangePicker({ value, onChoose }: { value: Range | null; onChoose: (range: Range) => void }) {
  const { m } = useTranslation();
  const segments = RANGES.map((range) => ({ value: range, ...m.ranges[range] }));
  return <Segmented label={m.toolbar.range} segments={segments} value={value} onChoose={onChoose} className="ranges" />;
}

export function AdjustmentSelect({ value, onChoose }: { value: Adjustment; onChoose: (adjustment: Adjustment) => void }) {
  const { m } = useTranslation();
  return (
    <select
      className="select adjustment"
      aria-label={m.toolbar.adjustment}
      title={m.toolbar.adjustment}
      value={value}
      onChange={(event) => {
        onChoose(ADJUSTMENTS.find((adjustment) => adjustment === event.target.value) ?? 'split');
      }}
    >
      {ADJUSTMENTS.map((adjustment) => (
        <option key={adjustment} value={adjustment}>
          {m.adjustments[adjustment]}
        </option>
      ))}
    </select>
  );
}

export function ExtendedToggle({ on, onChange }: { on: boolean; onChange: (on: boolean) => void }) {
  const { m } = useTranslation();
  return (
    <button
      type="button"
      className={on ? 'button pressed' : 'button'}
      aria-pressed={on}
      aria-label={m.toolbar.extendedLabel}
      title={m.toolbar.extendedLabel}
      onClick={() => {
        onChange(!on);
      }}
    >
      {m.toolbar.extended}
    </button>
  );
}

interface LogProps {
  on: boolean;
  disabled: boolean;
  onChange: (on: boolean) => void;
}

export function LogToggle({ on, disabled, onChange }: LogProps) {
  const { m } = useTranslation();
  return (
    <button
      type="button"
      className={on && !disabled ? 'button pressed' : 'button'}
      aria-pressed={on && !disabled}
      aria-label={m.toolbar.logLabel}
      title={disabled ? m.toolbar.logWhileComparing : m.toolbar.logLabel}
      disabled={disabled}
      onClick={() => {
        onChange(!on);
      }}
    >
      {m.toolbar.log}
    </button>
  );
}
