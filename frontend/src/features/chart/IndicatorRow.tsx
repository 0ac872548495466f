import type { ReactNode } from 'react';
import type { Language } from '@/domain/viewState';
import { useTranslation } from '@/i18n';
import { formatChange, formatValue, MISSING } from '@/lib/format';
import { formatPrice, type PriceStyle } from '@/lib/prices';
import { Icon } from '@/ui/Icon';
import type { LegendProps } from './legend';
import type { LegendRow, LegendValue } from './model';

interface RowProps extends LegendProps {
  row: LegendRow;
  index: number;
  /** Buttons of the pane, where this is its first row. */
  children: ReactNode;
}

export function IndicatorRow({ row, index, prices, onEdit, onRemove, onStopComparing, children }: RowProps) {
  const { lang, m } = useTranslation();
  const { spec, label } = row;
  const remove = spec === null ? m.toolbar.stopComparing(label) : m.chart.removeIndicator(label);
  return (
    <div className="legend-row">
      <span className="legend-label">{label}</span>
      {/* Before the values, whose width changes with the bar: a button must not move away from the pointer. */}
      <span className="legend-actions">
        {spec !== null && (
          <button type="button" className="button tiny" aria-label={m.chart.editIndicator(label)} title={m.chart.editIndicator(label)} onClick={() => { onEdit(spec); }}>
            <Icon name="edit" />
          </button>
        )}
        <button type="button" className="button tiny" aria-label={remove} title={remove} onClick={() => { if (spec === null) onStopComparing(); else onRemove(spec); }}>
          <Icon name="close" />
        </button>
        {children}
      </span>
      {row.values.map((value, position) => (
        <span key={position} className="legend-value" style={value.color === null ? undefined : { color: `var(--${value.color})` }}>
          {textOf(lang, prices, value, index)}
        </span>
      ))}
      {row.note !== null && <span className="pair origin">{m.chart.notes[row.note]}</span>}
    </div>
  );
}

function textOf(lang: Language, prices: PriceStyle, { column, unit, digits }: LegendValue, index: number): string {
  const value = column[index] ?? null;
  switch (unit) {
    case 'price':
      return formatPrice(lang, prices, value);
    case 'pattern':
      return value === null || value === 0 ? MISSING : value > 0 ? '▲' : '▼';
    case 'percent':
      return value === null ? MISSING : formatChange(lang, value / 100);
    case 'value':
      return formatValue(lang, value, digits);
  }
}
