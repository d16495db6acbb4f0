import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { SelectField, TextField } from '../../kit/field.tsx';
import { CheckIcon } from '../../kit/icons.tsx';
import { formatMoney, type Money } from '../../money/money.ts';
import { countries } from './countries.ts';
import { type Draft, type Errors, type Method, outcomes, type Step, steps } from './draft.ts';

type Given = {
  draft: Draft;
  errors: Errors;
  onChange(part: Partial<Draft>): void;
  onLeave(field: keyof Draft): void;
};

/**
 * A step that is done folds to what was entered in it; one that is ahead shows its name. When a step is done, the focus
 * moves from its field, which is gone, to the heading of the next one.
 */
export const StepBox = ({
  step,
  current,
  title,
  fold,
  onEdit,
  children,
}: {
  step: Step;
  current: Step;
  title: string;
  fold: string;
  onEdit: ((step: Step) => void) | undefined;
  children: ReactNode;
}) => {
  const isCurrent = step === current;
  const isDone = steps.indexOf(step) < steps.indexOf(current);
  const heading = useRef<HTMLHeadingElement>(null);
  const wasCurrent = useRef(isCurrent);
  useEffect(() => {
    if (isCurrent && !wasCurrent.current) heading.current?.focus();
    wasCurrent.current = isCurrent;
  }, [isCurrent]);
  return (
    <section
      aria-label={title}
      aria-current={isCurrent ? 'step' : undefined}
      className={classes('rounded-2xl border border-line bg-surface', isCurrent ? 'p-6' : 'px-6 py-4')}
    >
      <div className="flex items-center justify-between gap-4">
        <h2
          ref={heading}
          tabIndex={-1}
          className={classes(
            'flex items-center gap-3 font-display text-xl outline-none',
            !isCurrent && !isDone && 'text-ink-soft',
          )}
        >
          <span
            aria-hidden="true"
            className={classes(
              'grid size-7 place-items-center rounded-full font-sans font-semibold text-sm',
              isCurrent
                ? 'bg-action text-action-ink'
                : isDone
                  ? 'bg-good-wash text-good'
                  : 'bg-sunken text-ink-soft',
            )}
          >
            {isDone ? <CheckIcon size={16} /> : steps.indexOf(step) + 1}
          </span>
          {title}
        </h2>
        {isDone && onEdit && (
          <Button look="quiet" onClick={() => onEdit(step)}>
            Change<span className="sr-only"> {title.toLowerCase()}</span>
          </Button>
        )}
      </div>
      {isDone && fold !== '' && <p className="mt-1 truncate pl-10 text-ink-soft">{fold}</p>}
      {isCurrent && <div className="mt-5 flex flex-col gap-5">{children}</div>}
    </section>
  );
};

export const ContactStep = ({ draft, errors, onChange, onLeave }: Given) => (
  <>
    <TextField
      label="E-mail"
      name="email"
      type="email"
      required
      autoComplete="email"
      inputMode="email"
      maxLength={254}
      value={draft.email}
      error={errors.email}
      hint="For the confirmation and the tracking number, nothing else."
      onChange={({ target }) => onChange({ email: target.value })}
      onBlur={() => onLeave('email')}
    />
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Button type="submit" size="large">
        Continue to delivery
      </Button>
      <p className="text-ink-soft text-sm">
        Have an account?{' '}
        <Link to="/login" search={{ next: '/checkout' }} className="text-action underline underline-offset-4">
          Log in
        </Link>
      </p>
    </div>
  </>
);

export const AddressStep = ({ draft, errors, onChange, onLeave }: Given) => {
  const field = (name: 'name' | 'line1' | 'line2' | 'city' | 'postalCode') => ({
    name,
    value: draft[name],
    error: errors[name],
    onChange: ({ target }: { target: { value: string } }) => onChange({ [name]: target.value }),
    onBlur: () => onLeave(name),
  });
  return (
    <>
      <SavedAddresses onChoose={onChange} />
      <TextField label="Name" required autoComplete="shipping name" maxLength={200} {...field('name')} />
      <TextField
        label="Street and number"
        required
        autoComplete="shipping address-line1"
        maxLength={200}
        {...field('line1')}
      />
      <TextField
        label="Flat, floor, company"
        autoComplete="shipping address-line2"
        maxLength={200}
        {...field('line2')}
      />
      <div className="grid gap-5 sm:grid-cols-[10rem_1fr]">
        <TextField
          label="Postal code"
          required
          autoComplete="shipping postal-code"
          maxLength={20}
          {...field('postalCode')}
        />
        <TextField
          label="Town or city"
          required
          autoComplete="shipping address-level2"
          maxLength={100}
          {...field('city')}
        />
      </div>
      <SelectField
        label="Country"
        name="country"
        required
        autoComplete="shipping country"
        value={draft.country}
        error={errors.country}
        onChange={({ target }) => onChange({ country: target.value })}
      >
        {countries().map(({ code, name }) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </SelectField>
      <Button type="submit" size="large" className="self-start">
        Continue to payment
      </Button>
    </>
  );
};

const SavedAddresses = ({ onChoose }: { onChoose(part: Partial<Draft>): void }) => {
  const user = useUser();
  const { data } = query.useQuery('get', '/api/users/me/addresses', {}, { enabled: user !== undefined });
  if (data === undefined || data.items.length === 0) return null;
  return (
    <div>
      <p className="mb-2 font-medium text-sm">Your addresses</p>
      <ul className="flex flex-wrap gap-2">
        {data.items.map(({ id, name, line1, line2 = '', city, postalCode, country }) => (
          <li key={id}>
            <Button
              look="secondary"
              onClick={() => onChoose({ name, line1, line2, city, postalCode, country })}
            >
              {name}, {line1}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
};

const methods: readonly (readonly [Method, string])[] = [
  ['card', 'Card'],
  ['paypal', 'PayPal'],
  ['crypto', 'Crypto'],
];

export const PaymentStep = ({
  draft,
  onChange,
  total,
  isBusy,
  isBlocked,
}: Given & { total: Money | null; isBusy: boolean; isBlocked: boolean }) => (
  <>
    <p className="rounded-xl bg-warn-wash px-4 py-3 text-[0.9375rem]">
      <strong className="font-semibold text-warn">This is a test shop.</strong> You enter no card, and no
      money moves. Choose how the bank answers, and see what the shop does about it.
    </p>
    <fieldset>
      <legend className="mb-2 font-medium text-sm">Pay with</legend>
      <div className="flex flex-wrap gap-2">
        {methods.map(([method, name]) => (
          <Pick
            key={method}
            name="method"
            isChosen={draft.method === method}
            onPick={() => onChange({ method })}
          >
            {name}
          </Pick>
        ))}
      </div>
    </fieldset>
    <fieldset>
      <legend className="mb-2 font-medium text-sm">How the test payment ends</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {outcomes.map(({ token, name, text }) => (
          <Pick key={token} name="token" isChosen={draft.token === token} onPick={() => onChange({ token })}>
            <span className="block font-semibold">{name}</span>
            <span className="block text-ink-soft text-sm">{text}</span>
          </Pick>
        ))}
      </div>
    </fieldset>
    <Button type="submit" size="large" isBusy={isBusy} disabled={isBlocked} className="self-start">
      {total ? `Pay ${formatMoney(total)}` : 'Pay'}
    </Button>
  </>
);

const Pick = ({
  name,
  isChosen,
  onPick,
  children,
}: {
  name: string;
  isChosen: boolean;
  onPick(): void;
  children: ReactNode;
}) => (
  <label
    className={classes(
      'flex min-h-11 cursor-pointer items-start gap-3 rounded-xl border px-4 py-2.5 has-focus-visible:outline-2 has-focus-visible:outline-focus',
      isChosen ? 'border-action bg-action-wash' : 'border-line hover:bg-sunken',
    )}
  >
    <input
      type="radio"
      name={name}
      checked={isChosen}
      onChange={onPick}
      className="mt-1 size-4 shrink-0 accent-action"
    />
    <span>{children}</span>
  </label>
);
