import { useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import type { IndicatorDefinition } from '@/api/types';
import { byName, fullSpec, inputsOf, labelOf, parseSpec, resolveArguments } from '@/domain/indicatorSpec';
import { MOST_INDICATORS } from '@/domain/viewState';
import { term, useTranslation } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { Icon } from '@/ui/Icon';
import { Failure, Loading } from '@/ui/States';
import { useCatalogue } from './api';
import { groupsOf, sectionsOf, type Section } from './catalogue';
import { ParameterForm } from './ParameterForm';

export interface IndicatorDialogProps {
  /** Specs on the chart. */
  present: readonly string[];
  /** The spec to change; null = add one. */
  editing: string | null;
  onChange: (specs: readonly string[]) => void;
  onEdit: (spec: string) => void;
  onClose: () => void;
}

export function IndicatorDialog(props: IndicatorDialogProps) {
  const { m } = useTranslation();
  const catalogue = useCatalogue();
  const spec = props.editing === null ? null : parseSpec(props.editing);
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog
      key={props.editing}
      title={spec === null ? m.indicators.title : m.indicators.editTitle(spec.name)}
      shape={spec === null ? 'wide' : 'narrow'}
      focusFirst={input}
      onClose={props.onClose}
    >
      {catalogue.isPending && <Loading label={m.indicators.loading} />}
      {catalogue.isError && <Failure error={catalogue.error} onRetry={() => void catalogue.refetch()} />}
      {catalogue.isSuccess &&
        (spec === null ? (
          <Chooser {...props} items={catalogue.data} searchInput={input} />
        ) : (
          <Editor {...props} items={catalogue.data} firstInput={input} />
        ))}
    </Dialog>
  );
}

interface EditorProps extends IndicatorDialogProps {
  items: readonly IndicatorDefinition[];
  firstInput: RefObject<HTMLElement | null>;
}

function Editor({ items, editing, present, onChange, onClose, firstInput }: EditorProps) {
  const { m } = useTranslation();
  const definitions = byName(items);
  const full = (text: string) => fullSpec(text, definitions);
  const spec = editing === null ? null : parseSpec(editing);
  const definition = spec === null ? undefined : definitions.get(spec.name);
  if (editing === null || spec === null || definition === undefined) return <p className="remark">{m.indicators.none(editing ?? '')}</p>;
  return (
    <div className="dialog-body">
      <p className="explain">{definition.display_name}</p>
      <ParameterForm
        definition={definition}
        initial={resolveArguments(spec, definition)}
        inputs={inputsOf(spec, definition)}
        taken={present.map(full).filter((other) => other !== full(editing))}
        submitLabel={m.actions.save}
        firstInputRef={firstInput}
        onSubmit={(changed) => {
          onChange(present.map((other) => (full(other) === full(editing) ? changed : other)));
          onClose();
        }}
      />
    </div>
  );
}

interface ChooserProps extends IndicatorDialogProps {
  items: readonly IndicatorDefinition[];
  searchInput: RefObject<HTMLInputElement | null>;
}

function Chooser({ items, present, onChange, onEdit, onClose, searchInput }: ChooserProps) {
  const { lang, m } = useTranslation();
  const [text, setText] = useState('');
  const [group, setGroup] = useState<string | null>(null);
  const [chosen, setChosen] = useState<IndicatorDefinition | null>(null);
  const firstInput = useRef<HTMLElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const sections = sectionsOf(items, text, group);

  function choose(item: IndicatorDefinition): void {
    setChosen(item);
    requestAnimationFrame(() => firstInput.current?.focus());
  }

  function onSearchKey(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const first = sections[0]?.items[0];
    if (event.key === 'Enter' && first !== undefined) choose(first);
    else if (event.key === 'ArrowDown') focusNeighbour(list.current, null, 1);
    else return;
    event.preventDefault();
  }

  return (
    <div className={chosen === null ? 'chooser' : 'chooser chosen'}>
      <div className="chooser-list">
        <div className="field">
          <Icon name="search" />
          <input
            ref={searchInput}
            type="search"
            aria-label={m.indicators.search}
            placeholder={m.indicators.search}
            autoComplete="off"
            spellCheck={false}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
            }}
            onKeyDown={onSearchKey}
          />
        </div>
        <select
          className="select"
          aria-label={m.indicators.group}
          value={group ?? ''}
          onChange={(event) => {
            setGroup(event.target.value === '' ? null : event.target.value);
          }}
        >
          <option value="">{m.indicators.allGroups}</option>
          {groupsOf(items).map((name) => (
            <option key={name} value={name}>
              {term(lang, 'group', name)}
            </option>
          ))}
        </select>
        <div ref={list} className="sections" role="group" aria-label={m.indicators.available}>
          {text === '' && group === null && (
            <OnChart present={present} definitions={byName(items)} onEdit={onEdit} onRemove={(spec) => { onChange(present.filter((other) => other !== spec)); }} />
          )}
          {sections.length === 0 && <p className="remark">{m.indicators.none(text.trim())}</p>}
          {sections.map((section) => (
            <SectionList key={section.group} section={section} chosen={chosen} onChoose={choose} />
          ))}
        </div>
      </div>
      <div className="chooser-detail">
        {chosen === null ? (
          <p className="remark">{m.indicators.choose}</p>
        ) : (
          <>
            <button
              type="button"
              className="button back"
              onClick={() => {
                setChosen(null);
              }}
            >
              <Icon name="back" />
              {m.actions.back}
            </button>
            <About definition={chosen} />
            <ParameterForm
              key={chosen.name}
              definition={chosen}
              initial={chosen.parameters.map((parameter) => parameter.default)}
              taken={present.map((spec) => fullSpec(spec, byName(items)))}
              refusal={present.length < MOST_INDICATORS ? null : m.indicators.most(MOST_INDICATORS)}
              submitLabel={m.actions.add}
              firstInputRef={firstInput}
              onSubmit={(spec) => {
                onChange([...present, spec]);
                onClose();
              }}
            />
          </>
        )}
      </div>
    </div>
  );
}

interface OnChartProps {
  present: readonly string[];
  definitions: ReadonlyMap<string, IndicatorDefinition>;
  onEdit: (spec: string) => void;
  onRemove: (spec: string) => void;
}

function OnChart({ present, definitions, onEdit, onRemove }: OnChartProps) {
  const { m } = useTranslation();
  const named = present.map((text) => ({ text, spec: parseSpec(text) }));
  if (named.length === 0) return null;
  return (
    <section aria-label={m.indicators.onChart}>
      <h3>{m.indicators.onChart}</h3>
      <ul>
        {named.map(({ text, spec }) => {
          const label = spec === null ? text : labelOf(spec, definitions.get(spec.name));
          return (
            <li key={text} className="present">
              <span>{label}</span>
              <button type="button" className="button small" aria-label={m.chart.editIndicator(label)} onClick={() => { onEdit(text); }}>
                <Icon name="edit" />
              </button>
              <button type="button" className="button small" aria-label={m.chart.removeIndicator(label)} onClick={() => { onRemove(text); }}>
                <Icon name="trash" />
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

interface SectionListProps {
  section: Section;
  chosen: IndicatorDefinition | null;
  onChoose: (item: IndicatorDefinition) => void;
}

function SectionList({ section, chosen, onChoose }: SectionListProps) {
  const { lang, m } = useTranslation();
  const title = section.group === 'popular' ? m.indicators.popular : section.group === '' ? null : term(lang, 'group', section.group);
  return (
    <section aria-label={title ?? m.search.results}>
      {title !== null && <h3>{title}</h3>}
      <ul>
        {section.items.map((item) => (
          <li key={item.name}>
            <button
              type="button"
              className="indicator"
              data-entry=""
              aria-current={item.name === chosen?.name}
              onClick={() => {
                onChoose(item);
              }}
              onKeyDown={(event) => {
                const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
                if (step === 0) return;
                event.preventDefault();
                focusNeighbour(event.currentTarget.closest('.sections'), event.currentTarget, step);
              }}
            >
              <span className="indicator-name">{item.name}</span>
              <span className="indicator-title">{item.display_name}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function focusNeighbour(list: Element | null, from: Element | null, step: 1 | -1): void {
  const entries = [...(list?.querySelectorAll<HTMLElement>('[data-entry]') ?? [])];
  const position = from === null ? -1 : entries.findIndex((entry) => entry === from);
  entries[Math.max(0, position + step)]?.focus();
}

function About({ definition }: { definition: IndicatorDefinition }) {
  const { lang, m } = useTranslation();
  const isPattern = definition.group === 'Pattern Recognition';
  const place = isPattern ? m.indicators.pattern : definition.overlay ? m.indicators.overlay : m.indicators.ownPane;
  return (
    <div className="about">
      <h3>{definition.display_name}</h3>
      <p className="tags">
        <span className="tag">{definition.name}</span>
        <span className="tag">{term(lang, 'group', definition.group)}</span>
        <span className="tag">{place}</span>
      </p>
      <p className="fine-print">
        {m.indicators.outputs}: {definition.outputs.map((output) => output.name).join(', ')}
        {definition.warm_up > 0 && ` · ${m.indicators.warmUp(definition.warm_up)}`}
      </p>
    </div>
  );
}
