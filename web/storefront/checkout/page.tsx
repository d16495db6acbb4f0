import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { type User, useUser } from '../../api/login.ts';
import { note } from '../../api/shopper-activity.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { tabStore } from '../../kit/storage.ts';
import { formatMoney } from '../../money/money.ts';
import { type Cart, hasAll, isBlocking, isSameOffer } from '../cart/cart.ts';
import { useCart, useCartCache } from '../cart/use-cart.ts';
import { Page } from '../shell/page.tsx';
import {
  addressOf,
  type Draft,
  draftFrom,
  draftKey,
  type Errors,
  errorsOf,
  isOfUser,
  keptDraft,
  type Step,
  stepFor,
  steps,
} from './draft.ts';
import { AddressStep, ContactStep, PaymentStep, StepBox } from './steps.tsx';
import { type OrderBody, placeOrder, send, unansweredIn } from './submission.ts';
import { OrderSummary } from './summary.tsx';

/** What was typed outlives a reload and a look at the cart. */
const useDraft = (user: User | undefined): [Draft, (part: Partial<Draft>) => void] => {
  const [draft, setDraft] = useState<Draft>(() => draftFrom(tabStore.getItem(draftKey), user));
  const change = (part: Partial<Draft>) =>
    setDraft((before) => {
      const next = { ...before, ...part };
      tabStore.setItem(draftKey, keptDraft(next, user));
      return next;
    });
  return [draft, change];
};

export const CheckoutPage = () => {
  const { cart, isError, error, refetch } = useCart();
  const user = useUser();
  if (cart === undefined)
    return (
      <Page title="Checkout">
        {isError ? (
          <ProblemPanel error={error} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="h-96" />
        )}
      </Page>
    );
  if (cart.items.length === 0) return <NothingToPay user={user} />;
  return <Checkout key={user?.id ?? 'guest'} cart={cart} user={user} />;
};

/** Shows the order that was accepted; its lines are no longer in the cart. */
const useAccepted = (): ((orderId: string) => Promise<void>) => {
  const navigate = useNavigate();
  const { emptyCart } = useCartCache();
  return async (orderId) => {
    // Only then: with an empty cart this page says that there is nothing to pay, until that of the order was loaded.
    await navigate({ to: '/orders/$orderId', params: { orderId }, replace: true });
    emptyCart();
  };
};

/** The cart is empty also where an order was accepted and its answer was lost on the way. */
const NothingToPay = ({ user }: { user: User | undefined }) => {
  const [unanswered] = useState(() => unansweredIn(tabStore, user?.id));
  const accepted = useAccepted();
  const asking = useMutation({
    mutationFn: (submission: NonNullable<typeof unanswered>) => send(submission),
    onSuccess: accepted,
  });
  if (unanswered)
    return (
      <Page title="Checkout">
        <Empty
          title="No answer came to your order"
          act={
            <Button isBusy={asking.isPending} onClick={() => asking.mutate(unanswered)}>
              Finish the order
            </Button>
          }
        >
          You pressed Pay, and the connection was lost. However often you send it, it is one order and paid
          once.
        </Empty>
        {asking.isError && <ProblemPanel error={asking.error} isSmall />}
      </Page>
    );
  return (
    <Page title="Checkout">
      <Empty
        title="There is nothing to pay"
        act={
          <Link to="/" className={buttonClasses()}>
            To the shop
          </Link>
        }
      >
        Your cart is empty.
        {user === undefined && isOfUser(tabStore.getItem(draftKey)) && (
          <>
            {' '}
            If you filled it while you were logged in, it is kept:{' '}
            <Link
              to="/login"
              search={{ next: '/checkout' }}
              className="text-action underline underline-offset-4"
            >
              log in again
            </Link>
            .
          </>
        )}
      </Empty>
    </Page>
  );
};

/** What the buyer has seen is not what would be paid now. */
class CartChanged extends Error {}

const Checkout = ({ cart, user }: { cart: Cart; user: User | undefined }) => {
  const [draft, change] = useDraft(user);
  const { step: asked } = useSearch({ strict: false }) as { step?: string };
  const step = stepFor(asked ?? (user ? 'address' : 'contact'), draft);
  const [errors, setErrors] = useState<Errors>({});
  const form = useRef<HTMLFormElement>(null);
  const navigate = useNavigate();
  const accepted = useAccepted();
  const { freshCart, refreshCart } = useCartCache();

  useEffect(() => note({ type: 'checkout_started' }), []);
  const go = (to: Step) => {
    setErrors({});
    void navigate({ to: '/checkout', search: { step: to }, resetScroll: false });
  };
  const paying = useMutation({
    mutationFn: async () => {
      const body: OrderBody = {
        items: cart.items.map(({ productId, quantity }) => ({ productId, quantity })),
        shippingAddress: addressOf(draft),
        payment: { method: draft.method, token: draft.token },
        ...(user ? {} : { email: draft.email.trim() }),
      };
      const isRepeat = unansweredIn(tabStore, user?.id)?.body === JSON.stringify(body);
      const now = await freshCart(user?.id);
      // An accepted order leaves the cart, so the repeat of one is measured by it only where all of it is still there.
      const isAccepted = isRepeat && !hasAll(now, body.items);
      if (!isAccepted && !isSameOffer(cart, now)) throw new CartChanged();
      return placeOrder(body);
    },
    onSuccess: accepted,
    onError: () => void refreshCart(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = errorsOf(step, draft);
    setErrors(found);
    const [first] = Object.keys(found);
    if (first !== undefined) {
      form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
      return;
    }
    const next = steps[steps.indexOf(step) + 1];
    if (next !== undefined) go(next);
    else if (!paying.isPending) paying.mutate();
  };
  /** Checked when a field is left, so that nobody is corrected while typing. */
  const check = (field: keyof Draft) => {
    const message = errorsOf(step, draft)[field];
    const isEmpty = draft[field].trim() === '';
    if (message === undefined || !isEmpty) setErrors((before) => ({ ...before, [field]: message }) as Errors);
  };

  const isBlocked = cart.warnings.some(isBlocking);
  const given = { draft, errors, onChange: change, onLeave: check };
  return (
    <Page title="Checkout">
      <div className="grid grid-cols-[minmax(0,1fr)] gap-8 lg:grid-cols-[minmax(0,1fr)_24rem] lg:gap-12">
        <form ref={form} noValidate onSubmit={submit} className="flex flex-col gap-4">
          <StepBox
            step="contact"
            current={step}
            title="Contact"
            fold={user?.email ?? draft.email}
            onEdit={user ? undefined : go}
          >
            <ContactStep {...given} />
          </StepBox>
          <StepBox
            step="address"
            current={step}
            title="Delivery"
            fold={[draft.name, draft.line1, draft.city, draft.postalCode].filter(Boolean).join(', ')}
            onEdit={go}
          >
            <AddressStep {...given} />
          </StepBox>
          <StepBox step="payment" current={step} title="Payment" fold="" onEdit={go}>
            <PaymentStep {...given} total={cart.total} isBusy={paying.isPending} isBlocked={isBlocked} />
            {isBlocked && (
              <p className="text-bad text-sm">
                Something in the cart cannot be bought any more.{' '}
                <Link to="/cart" className="underline underline-offset-4">
                  Look at the cart
                </Link>
              </p>
            )}
            {paying.error instanceof CartChanged ? (
              <p role="alert" className="rounded-xl bg-warn-wash px-4 py-3">
                Your cart has changed since you saw it
                {cart.total && `: it costs ${formatMoney(cart.total)} now`}. Nothing is ordered yet. Press Pay
                again if you agree.
              </p>
            ) : (
              paying.isError && <ProblemPanel error={paying.error} isSmall />
            )}
          </StepBox>
        </form>
        <OrderSummary cart={cart} />
      </div>
    </Page>
  );
};
