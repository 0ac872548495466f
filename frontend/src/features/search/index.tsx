import { useEffect, useRef, useState } from 'react';
import { useTranslation } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { Icon } from '@/ui/Icon';
import { Combobox } from './Combobox';

/** The search of the header; `/` anywhere on the page goes to it. */
export function SymbolSearch({ onChoose }: { onChoose: (symbol: string) => void }) {
  const { m } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      input.current?.focus();
    }
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <search>
      <Combobox label={m.search.label} inputRef={input} onChoose={onChoose} shortcut="/" />
    </search>
  );
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.closest('input:not([type=radio]), textarea, select, dialog') !== null;
}

interface CompareProps {
  symbol: string;
  compare: string | null;
  onChange: (compare: string | null) => void;
}

export function CompareControl({ symbol, compare, onChange }: CompareProps) {
  const { m } = useTranslation();
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const close = () => {
    setOpen(false);
  };
  return (
    <>
      {compare === null ? (
        <button
          type="button"
          className="button"
          aria-label={m.toolbar.compareWith}
          title={m.toolbar.compareWith}
          onClick={() => {
            setOpen(true);
          }}
        >
          <Icon name="compare" />
          <span>{m.toolbar.compare}</span>
        </button>
      ) : (
        <button
          type="button"
          className="button pressed"
          aria-label={m.toolbar.stopComparing(compare)}
          title={m.toolbar.stopComparing(compare)}
          onClick={() => {
            onChange(null);
          }}
        >
          <Icon name="compare" />
          <span>{compare}</span>
          <Icon name="close" />
        </button>
      )}
      {open && (
        <Dialog title={m.toolbar.compareWith} focusFirst={input} onClose={close}>
          <Combobox
            label={m.search.label}
            inputRef={input}
            exclude={symbol}
            inline
            onChoose={(chosen) => {
              close();
              onChange(chosen);
            }}
          />
        </Dialog>
      )}
    </>
  );
}
