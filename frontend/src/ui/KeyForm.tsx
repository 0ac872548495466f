import { type SubmitEvent, useId, useState } from 'react';
import { beginSession, type SessionOutcome } from '@/api/session';
import { useTranslation } from '@/i18n';

/** Asks for the API key where the server wants one; everything is read anew with it. */
export function KeyForm() {
  const { m } = useTranslation();
  const id = useId();
  const [key, setKey] = useState('');
  const [outcome, setOutcome] = useState<SessionOutcome | 'asking' | null>(null);

  async function begin() {
    setOutcome('asking');
    const ended = await beginSession(key.trim());
    if (ended === 'begun') location.reload();
    else setOutcome(ended);
  }

  function submit(event: SubmitEvent) {
    event.preventDefault();
    void begin();
  }

  return (
    <form className="key-form" onSubmit={submit}>
      <label htmlFor={id}>{m.failure.key}</label>
      <input
        id={id}
        type="password"
        autoComplete="off"
        required
        value={key}
        onChange={(event) => {
          setKey(event.target.value);
        }}
      />
      <button type="submit" className="button primary" disabled={outcome === 'asking'}>
        {m.failure.useKey}
      </button>
      {outcome === 'refused' && <p role="alert">{m.failure.keyRefused}</p>}
      {outcome === 'failed' && <p role="alert">{m.failure.keyFailed}</p>}
    </form>
  );
}
