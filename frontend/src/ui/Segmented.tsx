import { useId } from 'react';

export interface Segment<T extends string> {
  value: T;
  short: string;
  long: string;
}

interface SegmentedProps<T extends string> {
  label: string;
  segments: readonly Segment<T>[];
  /** null = none of them. */
  value: T | null;
  /** Also called for the present one, so that a second press can set the view back. */
  onChoose: (value: T) => void;
  className?: string;
}

/** One of a few, as radio buttons: arrow keys move within it, Tab passes it in one step. */
export function Segmented<T extends string>({ label, segments, value, onChoose, className = '' }: SegmentedProps<T>) {
  const name = useId();
  return (
    <fieldset className={`segmented ${className}`}>
      <legend className="visually-hidden">{label}</legend>
      {segments.map((segment) => (
        <label key={segment.value} title={segment.long}>
          <input
            type="radio"
            name={name}
            value={segment.value}
            aria-label={segment.long}
            checked={segment.value === value}
            onChange={() => {
              onChoose(segment.value);
            }}
            onClick={() => {
              if (segment.value === value) onChoose(segment.value);
            }}
          />
          <span aria-hidden="true">{segment.short}</span>
        </label>
      ))}
    </fieldset>
  );
}
