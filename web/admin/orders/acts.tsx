import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api } from '../../api/client.ts';
import { type Sent, sentAs } from '../../api/sent.ts';
import { Button } from '../../kit/button.tsx';
import { Dialog } from '../../kit/dialog.tsx';
import { SelectField, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { showToast } from '../../kit/toast.tsx';
import { decimalText, formatMoney, minorOf } from '../../money/money.ts';
import { dueText, piecesOutOf, type Saga } from '../../saga/saga.ts';
import { plural } from '../../words/words.ts';
import { type Answered, isKnown, type Order, type Payment } from './order-answers.ts';
import { refundableMinor, whyNoRefund } from './refund.ts';

type Props = { order: Order; saga: Saga; payment: Answered<Payment>; onDone(): void };

type Act = {
  name: string;
  /** Why it is not possible now. */
  impossible: string | undefined;
  /** What it will do, before anything is sent. */
  effect: ReactNode;
  isDangerous?: boolean;
  fields?: (values: Values, set: (name: string, value: string) => void) => ReactNode;
  /** Why the values are not right yet. */
  missing?(values: Values): string | undefined;
  send(values: Values): Promise<unknown>;
};

type Values = Readonly<Record<string, string>>;

export const Acts = (props: Props) => {
  const [open, setOpen] = useState<string>();
  const acts = actsOf(props);
  const current = acts.find(({ name }) => name === open);
  return (
    <>
      {acts.map(({ name, impossible, isDangerous }) => (
        <Button
          key={name}
          look={isDangerous ? 'danger' : 'secondary'}
          size="small"
          aria-disabled={impossible !== undefined}
          title={impossible}
          onClick={() => (impossible === undefined ? setOpen(name) : showToast(impossible))}
        >
          {name}
        </Button>
      ))}
      {current && (
        <ActDialog
          key={current.name}
          act={current}
          onClose={() => setOpen(undefined)}
          onDone={props.onDone}
        />
      )}
    </>
  );
};

const ActDialog = ({ act, onClose, onDone }: { act: Act; onClose(): void; onDone(): void }) => {
  const [values, setValues] = useState<Values>({});
  const sending = useMutation({
    mutationFn: () => act.send(values),
    onSuccess: () => {
      showToast(`${act.name}: asked for. It is done when its event is in the timeline.`);
      onDone();
      onClose();
    },
  });
  const missing = act.missing?.(values);
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={act.name}
      foot={
        <div className="flex items-center justify-end gap-3">
          {missing && <span className="mr-auto text-ink-soft text-sm">{missing}</span>}
          <Button look="secondary" onClick={onClose}>
            Leave it
          </Button>
          <Button
            look={act.isDangerous ? 'danger' : 'primary'}
            disabled={missing !== undefined}
            isBusy={sending.isPending}
            onClick={() => sending.mutate()}
          >
            {act.name}
          </Button>
        </div>
      }
    >
      <div className="flex flex-col gap-4">
        <div className="rounded-lg bg-sunken p-4 text-sm">{act.effect}</div>
        {act.fields?.(values, (name, value) => setValues((before) => ({ ...before, [name]: value })))}
        {sending.error && <ProblemPanel error={sending.error} isSmall />}
      </div>
    </Dialog>
  );
};

const actsOf = (props: Props): Act[] => [
  retry(props),
  fulfil(props),
  refund(props),
  ...paidOtherwise(props),
  cancel(props),
];

const retry = ({ order, saga }: Props): Act => {
  const machine = saga.due.filter(({ what }) => what !== 'shipment' && what !== 'delivery');
  return {
    name: 'Retry',
    impossible: machine.length === 0 ? 'This order waits for nothing.' : undefined,
    effect: (
      <>
        <p>Every service is asked again for what is missing:</p>
        <ul className="my-2 list-disc pl-5">
          {machine.map(({ what }) => (
            <li key={what}>{dueText(what)}</li>
          ))}
        </ul>
        <p>What was done is not done again: no money and no stock moves twice.</p>
      </>
    ),
    send: () => api.POST('/api/ops/sagas/{orderId}/retry', { params: { path: { orderId: order.id } } }),
  };
};

const fulfil = ({ order }: Props): Act => {
  const isShipped = order.status === 'shipped';
  return {
    name: isShipped ? 'Mark delivered' : 'Ship',
    impossible:
      order.status === 'confirmed' || isShipped
        ? undefined
        : `An order that is ${order.status} cannot be ${isShipped ? 'delivered' : 'sent'}.`,
    effect: isShipped
      ? 'The order is marked delivered; the buyer may review and return from then on.'
      : 'The goods leave: the order cannot be cancelled any more, only returned. The buyer gets a message with the number.',
    ...(isShipped
      ? {}
      : {
          fields: (values: Values, set: (name: string, value: string) => void) => (
            <>
              <TextField
                label="Carrier"
                value={values.carrier ?? ''}
                onChange={(event) => set('carrier', event.target.value)}
                maxLength={100}
              />
              <TextField
                label="Tracking number"
                value={values.number ?? ''}
                onChange={(event) => set('number', event.target.value)}
                maxLength={100}
              />
            </>
          ),
        }),
    send: ({ carrier, number }) =>
      api.POST('/api/orders/{id}/fulfilment', {
        params: { path: { id: order.id } },
        body: isShipped
          ? { status: 'delivered' }
          : {
              status: 'shipped',
              ...(carrier ? { carrier } : {}),
              ...(number ? { trackingNumber: number } : {}),
            },
      }),
  };
};

/** What no answer came to: it may have moved the money, also where its dialog was closed since, or the page left. */
let unansweredRefund: Sent | undefined;

const refund = ({ order, saga, payment }: Props): Act => {
  const { currency } = order.total;
  const leftMinor = refundableMinor(saga.sums);
  const shown = (amountMinor: number) => formatMoney({ amountMinor, currency });
  const asked = ({ amount }: Values) =>
    minorOf(amount ?? decimalText({ amountMinor: leftMinor, currency }), currency);
  return {
    name: 'Refund',
    isDangerous: true,
    impossible: whyNoRefund(saga, payment),
    effect: `${shown(saga.sums.capturedMinor)} was taken and ${shown(saga.sums.refundedMinor)} given back. A refund moves money only; it sends no goods back and frees no stock. It cannot be undone.`,
    fields: (values, set) => (
      <>
        <TextField
          label={`Amount in ${currency}`}
          inputMode="decimal"
          required
          value={values.amount ?? decimalText({ amountMinor: leftMinor, currency })}
          onChange={(event) => set('amount', event.target.value)}
          hint={`After it ${shown(Math.max(0, leftMinor - (asked(values) ?? 0)))} of ${shown(saga.sums.capturedMinor)} stay.`}
        />
        <TextField
          label="Reason"
          required
          value={values.reason ?? ''}
          onChange={(event) => set('reason', event.target.value)}
          maxLength={200}
          hint="It is kept with the payment; the buyer does not see it."
        />
      </>
    ),
    missing: (values) => {
      const amountMinor = asked(values);
      if (amountMinor === undefined || amountMinor < 1 || amountMinor > leftMinor)
        return `An amount up to ${shown(leftMinor)}, please.`;
      return values.reason?.trim() ? undefined : 'A reason, please.';
    },
    send: async (values) => {
      const path = { id: isKnown(payment) ? payment.id : '' };
      const body = { amountMinor: asked(values) ?? 0, reason: values.reason?.trim() ?? '' };
      const sent = sentAs(JSON.stringify({ ...path, ...body }), unansweredRefund);
      unansweredRefund = sent;
      await api.POST('/api/payments/{id}/refunds', {
        params: { path, header: { 'idempotency-key': sent.key } },
        body,
      });
      unansweredRefund = undefined;
    },
  };
};

/** What no answer came to, as `unansweredRefund`. */
let unansweredPaidOtherwise: Sent | undefined;

/** Only where the provider has refused a refund: then it can be closed by nobody else. */
const paidOtherwise = ({ payment }: Props): Act[] => {
  if (!isKnown(payment)) return [];
  const failed = payment.refunds.filter(({ status }) => status === 'failed');
  const [first] = failed;
  if (first === undefined) return [];
  return [
    {
      name: 'Paid otherwise',
      isDangerous: true,
      impossible: undefined,
      effect:
        'You have given the buyer the money by other means. The refund counts as paid, the buyer gets a message, and the provider is not asked for it any more. It cannot be undone.',
      fields: (values, set) => (
        <>
          <SelectField
            label="Failed refund"
            required
            value={values.refundId ?? first.id}
            onChange={(event) => set('refundId', event.target.value)}
          >
            {failed.map(({ id, amount }) => (
              <option key={id} value={id}>
                {formatMoney(amount)} · {id.slice(-8)}
              </option>
            ))}
          </SelectField>
          <TextField
            label="How it was paid"
            required
            value={values.reason ?? ''}
            onChange={(event) => set('reason', event.target.value)}
            maxLength={200}
            hint="It is kept with the payment and your name; the buyer does not see it."
          />
        </>
      ),
      missing: ({ reason }) => (reason?.trim() ? undefined : 'How it was paid, please.'),
      send: async (values) => {
        const path = { id: payment.id, refundId: values.refundId ?? first.id };
        const body = { reason: values.reason?.trim() ?? '' };
        const sent = sentAs(JSON.stringify({ ...path, ...body }), unansweredPaidOtherwise);
        unansweredPaidOtherwise = sent;
        await api.POST('/api/payments/{id}/refunds/{refundId}/paid-otherwise', {
          params: { path, header: { 'idempotency-key': sent.key } },
          body,
        });
        unansweredPaidOtherwise = undefined;
      },
    },
  ];
};

const cancel = ({ order, saga }: Props): Act => {
  const isOpen = saga.state === 'open' || saga.state === 'confirmed';
  const isUndoing = saga.state === 'cancelled' && saga.due.length > 0;
  const { sums } = saga;
  const soldPieces = piecesOutOf(sums) - sums.reservedPieces;
  const shown = (amountMinor: number) => formatMoney({ amountMinor, currency: order.total.currency });
  const effects = [
    sums.reservedPieces > 0 &&
      plural(sums.reservedPieces, {
        one: '{count} held piece is free again',
        other: '{count} held pieces are free again',
      }),
    soldPieces > 0 &&
      plural(soldPieces, {
        one: '{count} sold piece goes back into stock',
        other: '{count} sold pieces go back into stock',
      }),
    sums.heldMinor > 0 && `the guarantee of ${shown(sums.heldMinor)} is given up`,
    sums.netMinor > 0 && `${shown(sums.netMinor)} is refunded`,
  ].filter((effect) => effect !== false);
  return {
    name: isUndoing ? 'Undo again' : 'Cancel order',
    isDangerous: true,
    impossible:
      isOpen || isUndoing
        ? undefined
        : `An order that is ${order.status} is not cancelled; take a return or refund it.`,
    effect: (
      <>
        <p>The order ends as cancelled and its buyer is informed.</p>
        <ul className="mt-2 list-disc pl-5">
          {effects.length === 0 ? (
            <li>no stock and no money has to move</li>
          ) : (
            effects.map((effect) => <li key={effect}>{effect}</li>)
          )}
        </ul>
      </>
    ),
    // A stuck order is given up for what it waits for; any other is cancelled as if its buyer had asked.
    send: () =>
      isUndoing || saga.due.some(({ isOverdue }) => isOverdue)
        ? api.POST('/api/ops/sagas/{orderId}/compensate', { params: { path: { orderId: order.id } } })
        : api.POST('/api/orders/{id}/cancel', { params: { path: { id: order.id } } }),
  };
};
