import { type SubmitEvent, useId, useState } from 'react';
import { keepKey } from '@/api/key';
import { useTranslation } from '@/i18n';

/** Asks for the API key where the server wants one; everything is read anew with it. */
export function KeyForm() {
  const { m } = useTranslation();
  const id = useId();
  const [key, setKey] = useState('');
  const [refused, setRefused] = useState(false);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    if (keepKey(key.trim())) location.reload();
    else setRefused(true);
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
      <button type="submit" className="button primary">
        {m.failure.useKey}
      </button>
      {refused && <p role="alert">{m.failure.keyNotKept}</p>}
    </form>
  );
}
