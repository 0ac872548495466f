import { useId, useState, type RefObject } from 'react';
import type { IndicatorDefinition, IndicatorParameter } from '@/api/types';
import { specOf, type SpecArgument } from '@/domain/indicatorSpec';
import { term, useTranslation, type Messages } from '@/i18n';
import { localeOf } from '@/lib/format';
import { boundsOf, check, type Fault } from './parameters';

interface FormProps {
  definition: IndicatorDefinition;
  initial: readonly number[];
  /** Columns for inputs, which the form keeps as they are. */
  inputs?: readonly SpecArgument[];
  /** Specs on the chart, in full, that the result may not repeat. */
  taken: readonly string[];
  /** Why nothing can be submitted at all. */
  refusal?: string | null;
  submitLabel: string;
  onSubmit: (spec: string) => void;
  firstInputRef: RefObject<HTMLElement | null>;
}

export function ParameterForm({ definition, initial, inputs = [], taken, refusal = null, submitLabel, onSubmit, firstInputRef }: FormProps) {
  const { m } = useTranslation();
  const [texts, setTexts] = useState(() => initial.map(String));
  const checked = definition.parameters.map((parameter, position) => check(parameter, texts[position] ?? ''));
  const values = checked.map((one) => ('value' in one ? one.value : null)).filter((value) => value !== null);
  const valid = values.length === checked.length;
  const spec = valid ? specOf(definition, values, inputs) : null;
  const objection = refusal ?? (spec !== null && taken.includes(spec) ? m.indicators.alreadyThere : null);
  return (
    <form
      className="parameters"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (spec !== null && objection === null) onSubmit(spec);
      }}
    >
      {definition.parameters.length === 0 && <p className="explain">{m.indicators.noParameters}</p>}
      {definition.parameters.map((parameter, position) => {
        const one = checked[position];
        return (
          <ParameterField
            key={parameter.name}
            parameter={parameter}
            text={texts[position] ?? ''}
            fault={one !== undefined && 'fault' in one ? one.fault : null}
            inputRef={position === 0 ? firstInputRef : null}
            onChange={(text) => {
              setTexts(texts.with(position, text));
            }}
          />
        );
      })}
      {objection !== null && (
        <p className="objection" role="status">
          {objection}
        </p>
      )}
      <div className="form-actions">
        {definition.parameters.length > 0 && (
          <button
            type="button"
            className="button outlined"
            onClick={() => {
              setTexts(definition.parameters.map((parameter) => String(parameter.default)));
            }}
          >
            {m.indicators.reset}
          </button>
        )}
        <button
          type="submit"
          className="button primary"
          disabled={spec === null || objection !== null}
          ref={(element) => {
            if (definition.parameters.length === 0) firstInputRef.current = element;
          }}
        >
          {submitLabel}
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  parameter: IndicatorParameter;
  text: string;
  fault: Fault | null;
  inputRef: RefObject<HTMLElement | null> | null;
  onChange: (text: string) => void;
}

function ParameterField({ parameter, text, fault, inputRef, onChange }: FieldProps) {
  const { lang, m } = useTranslation();
  const id = useId();
  const { choices } = parameter;
  const { min, max } = boundsOf(parameter);
  const common = {
    id,
    value: text,
    'aria-describedby': `${id}-help`,
    ref: (element: HTMLElement | null) => {
      if (inputRef !== null) inputRef.current = element;
    },
  };
  return (
    <div className="parameter">
      <label htmlFor={id}>{term(lang, 'parameter', parameter.name)}</label>
      {choices.length > 0 ? (
        <select
          {...common}
          className="select"
          onChange={(event) => {
            onChange(event.target.value);
          }}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={String(choice.value)}>
              {choice.label}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type="number"
          inputMode="decimal"
          className="input"
          step={parameter.type === 'real' ? 'any' : 1}
          min={min ?? undefined}
          max={max ?? undefined}
          aria-invalid={fault !== null}
          onChange={(event) => {
            onChange(event.target.value);
          }}
        />
      )}
      <p id={`${id}-help`} className={fault === null ? 'help' : 'fault'} role={fault === null ? undefined : 'alert'}>
        {fault === null ? helpOf(parameter, choices.length > 0, m, lang) : faultText(fault, m, lang)}
      </p>
    </div>
  );
}

type Lang = Parameters<typeof localeOf>[0];

function helpOf(parameter: IndicatorParameter, chosen: boolean, m: Messages, lang: Lang): string {
  const { min, max } = boundsOf(parameter);
  const text = (value: number) => value.toLocaleString(localeOf(lang));
  const range =
    min !== null && max !== null
      ? m.indicators.range(text(min), text(max))
      : min !== null
        ? m.indicators.atLeast(text(min))
        : max !== null
          ? m.indicators.atMost(text(max))
          : '';
  // The server's help is in English; a Korean page has the Korean name and the range.
  const help = lang === 'en' ? parameter.help : '';
  return [help, chosen ? '' : range].filter((part) => part !== '').join(' · ');
}

function faultText(fault: Fault, m: Messages, lang: Lang): string {
  const messages = m.indicators.errors;
  switch (fault.kind) {
    case 'empty':
      return messages.empty;
    case 'integer':
      return messages.integer;
    case 'below':
      return messages.below(fault.bound.toLocaleString(localeOf(lang)));
    case 'above':
      return messages.above(fault.bound.toLocaleString(localeOf(lang)));
  }
}
