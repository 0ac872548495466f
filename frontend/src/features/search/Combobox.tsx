import { useEffect, useId, useRef, useState, type KeyboardEvent, type MouseEvent, type RefObject } from 'react';
import type { InstrumentItem } from '@/api/types';
import { term, useTranslation } from '@/i18n';
import { Icon } from '@/ui/Icon';
import { useSearch, type Search } from './api';
import { moveIn } from './move';

interface ComboboxProps {
  label: string;
  onChoose: (symbol: string) => void;
  /** Left out of the results: the symbol that is there already. */
  exclude?: string;
  inputRef: RefObject<HTMLInputElement | null>;
  /** The list is always there and in the flow, as in a dialog. */
  inline?: boolean;
  shortcut?: string;
}

/** A press in the list must not take the focus from the field, which would close the list before the click. */
const keepFocus = (event: MouseEvent): void => {
  event.preventDefault();
};

export function Combobox({ label, onChoose, exclude, inputRef, inline = false, shortcut }: ComboboxProps) {
  const { m } = useTranslation();
  const [text, setText] = useState('');
  const [opened, setOpened] = useState(false);
  const [active, setActive] = useState(0);
  const listId = useId();
  const open = inline || opened;
  const search = useSearch(text, open);
  const others = (found: readonly InstrumentItem[]) => found.filter((item) => item.symbol !== exclude);
  const items = others(search.items);

  function choose(item: InstrumentItem | undefined): void {
    if (item === undefined) return;
    setText('');
    setOpened(false);
    inputRef.current?.blur();
    onChoose(item.symbol);
  }

  /** The marked result, which may still belong to the text before: then the same place in the new answer. */
  function chooseActive(): void {
    search.answer().then(
      (found) => {
        choose(others(found)[active]);
      },
      () => {
        setOpened(true);
      },
    );
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const moved = open ? moveIn(items.length, active, event.key) : null;
    if (moved !== null) setActive(moved);
    else if (event.key === 'ArrowDown') setOpened(true);
    else if (event.key === 'Enter') chooseActive();
    else if (event.key === 'Escape' && !inline) leave();
    else return;
    event.preventDefault();
  }

  function leave(): void {
    if (text === '') inputRef.current?.blur();
    setText('');
    setOpened(false);
  }

  return (
    <div className={`combobox ${inline ? 'inline' : ''}`}>
      <div className="field">
        <Icon name="search" />
        <input
          ref={inputRef}
          type="text"
          role="combobox"
          aria-label={label}
          aria-expanded={open}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={open && items[active] ? `${listId}-${String(active)}` : undefined}
          placeholder={m.search.placeholder}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          enterKeyHint="go"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
            setOpened(true);
          }}
          onFocus={() => {
            setOpened(true);
          }}
          onClick={() => {
            setOpened(true);
          }}
          onBlur={() => {
            setOpened(false);
          }}
          onKeyDown={onKeyDown}
        />
        {shortcut !== undefined && (
          <kbd className="wide-only" aria-hidden="true">
            {shortcut}
          </kbd>
        )}
      </div>
      <div className="combobox-popup" hidden={!open}>
        <p className="visually-hidden" role="status">
          {open && search.state === 'answered' ? m.search.count(items.length) : ''}
        </p>
        <Results id={listId} items={items} active={active} onChoose={choose} />
        <Remark search={search} text={text} shown={items.length} />
      </div>
    </div>
  );
}

interface ResultsProps {
  id: string;
  items: readonly InstrumentItem[];
  active: number;
  onChoose: (item: InstrumentItem) => void;
}

function Results({ id, items, active, onChoose }: ResultsProps) {
  const { lang, m } = useTranslation();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active, items]);
  return (
    <div ref={list} id={id} role="listbox" aria-label={m.search.results} className="results">
      {items.map((item, position) => (
        <button
          key={item.symbol}
          id={`${id}-${String(position)}`}
          type="button"
          role="option"
          aria-selected={position === active}
          tabIndex={-1}
          className="result"
          onMouseDown={keepFocus}
          onClick={() => {
            onChoose(item);
          }}
        >
          <span className="result-symbol">{item.symbol}</span>
          <span className="result-name">{item.name}</span>
          <span className="result-place">{term(lang, 'exchange', item.exchange)}</span>
        </button>
      ))}
    </div>
  );
}

function Remark({ search, text, shown }: { search: Search; text: string; shown: number }) {
  const { m } = useTranslation();
  if (search.state === 'failed') {
    return (
      <p className="remark" role="alert">
        {m.search.failed}{' '}
        <button type="button" className="link" onMouseDown={keepFocus} onClick={search.retry}>
          {m.actions.retry}
        </button>
      </p>
    );
  }
  if (search.state === 'searching') return <p className="remark">{m.search.searching}</p>;
  if (shown > 0) return null;
  return <p className="remark">{text.trim() === '' ? m.search.noneAtAll : m.search.none(text.trim())}</p>;
}
