import { useId, useLayoutEffect, useRef, type ReactNode, type RefObject } from 'react';
import { useTranslation } from '@/i18n';
import { Icon } from './Icon';

interface DialogProps {
  title: string;
  onClose: () => void;
  shape?: 'wide' | 'narrow' | 'drawer';
  /** Where the focus goes first; else to the close button. */
  focusFirst?: RefObject<HTMLElement | null>;
  children: ReactNode;
}

/** A modal window of the browser's own: it keeps the focus inside, closes on Esc and gives the focus back. */
export function Dialog({ title, onClose, shape = 'narrow', focusFirst, children }: DialogProps) {
  const { m } = useTranslation();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // A layout effect: it closes while the element is still in the page, else the focus would not go back.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    focusFirst?.current?.focus();
    return () => {
      element?.close();
    };
  }, [focusFirst]);
  return (
    <dialog ref={dialog} className={`dialog ${shape}`} aria-labelledby={titleId} closedby="any" onClose={onClose}>
      <div className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button type="button" className="button" aria-label={m.actions.close} title={m.actions.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}
