import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from 'react';
import { classes } from './classes.ts';

const control =
  'min-h-11 w-full rounded-lg border bg-surface px-3 text-base text-ink placeholder:text-ink-soft aria-invalid:border-bad border-line-strong disabled:opacity-60';

type Around = {
  label: string;
  /** What is wrong, shown below the field and read with it. */
  error?: string | undefined;
  hint?: ReactNode;
  className?: string;
};

const Labelled = ({
  id,
  label,
  error,
  hint,
  className,
  isOptional,
  children,
}: Around & { id: string; isOptional: boolean; children: ReactNode }) => (
  <div className={classes('flex flex-col gap-1.5', className)}>
    <label htmlFor={id} className="font-medium text-sm">
      {label}
      {isOptional && <span className="font-normal text-ink-soft"> (optional)</span>}
    </label>
    {children}
    {hint && !error && (
      <p id={`${id}-hint`} className="text-ink-soft text-sm">
        {hint}
      </p>
    )}
    {error && (
      <p id={`${id}-error`} className="text-bad text-sm">
        {error}
      </p>
    )}
  </div>
);

const describedBy = (id: string, { error, hint }: Pick<Around, 'error' | 'hint'>): string | undefined =>
  error ? `${id}-error` : hint ? `${id}-hint` : undefined;

export type TextFieldProps = Around & InputHTMLAttributes<HTMLInputElement>;

export const TextField = ({ label, error, hint, className, ...input }: TextFieldProps) => {
  const generated = useId();
  const id = input.id ?? generated;
  return (
    <Labelled
      {...{ id, label, error, hint }}
      {...(className ? { className } : {})}
      // Nobody has to search, and nobody takes a search for something that has to be filled in.
      isOptional={!input.required && input.type !== 'search'}
    >
      <input
        type="text"
        {...input}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={describedBy(id, { error, hint })}
        className={control}
      />
    </Labelled>
  );
};

export const SelectField = ({
  label,
  error,
  hint,
  className,
  children,
  ...select
}: Around & SelectHTMLAttributes<HTMLSelectElement>) => {
  const generated = useId();
  const id = select.id ?? generated;
  return (
    <Labelled
      {...{ id, label, error, hint }}
      {...(className ? { className } : {})}
      isOptional={!select.required}
    >
      <select
        {...select}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={describedBy(id, { error, hint })}
        className={control}
      >
        {children}
      </select>
    </Labelled>
  );
};

export const TextArea = ({
  label,
  error,
  hint,
  className,
  ...area
}: Around & React.TextareaHTMLAttributes<HTMLTextAreaElement>) => {
  const generated = useId();
  const id = area.id ?? generated;
  return (
    <Labelled
      {...{ id, label, error, hint }}
      {...(className ? { className } : {})}
      isOptional={!area.required}
    >
      <textarea
        rows={4}
        {...area}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={describedBy(id, { error, hint })}
        className={classes(control, 'py-2.5')}
      />
    </Labelled>
  );
};
