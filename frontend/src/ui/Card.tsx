import type { ReactNode } from 'react';

interface CardProps {
  title: string;
  wide?: boolean;
  heading?: 'h2' | 'h3';
  children: ReactNode;
}

export function Card({ title, wide = false, heading: Heading = 'h2', children }: CardProps) {
  return (
    <section className={`card ${wide ? 'wide' : ''}`} aria-label={title}>
      <Heading className="card-title">{title}</Heading>
      {children}
    </section>
  );
}

/** Pairs of a name and a value. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
