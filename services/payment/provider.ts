import { PlatformError } from '#platform/errors';

/** Thrown where a call has no answer yet, though nothing has failed: to be asked about again after `restMs`. */
export class NotYet extends PlatformError {
  readonly restMs: number;
  constructor(provider: string, why: string, restMs: number) {
    super('dependency_unavailable', `${provider}: ${why}`, { retriable: true });
    this.restMs = restMs;
  }
}

/**
 * The interface of a payment provider. Every call has a key of ours and may be repeated with it: the provider acts once
 * and gives the same answer again. An answer is final: `declined` and `refused` will never change (the authorisation
 * has lapsed, the account is closed), and their reason is the provider's own. A failure that may pass is thrown. Such a
 * call has an unknown outcome, whatever the error says, and `find` returns its outcome later.
 */
export type PaymentProvider = {
  name: string;
  /** Whether a failed call says that the provider is down. If unset, each does. */
  isDown?(error: unknown): boolean;
  /** Authorises the amount without charging it yet. */
  authorize(request: AuthorizeRequest, signal: AbortSignal): Promise<AuthorizeAnswer>;
  /**
   * Authorises the amount once more, in place of an authorisation that can no longer be captured. The provider
   * remembers the buyer's means of payment, because the token was valid for one use.
   */
  renew(request: RenewRequest, signal: AbortSignal): Promise<AuthorizeAnswer>;
  /** Captures money that was authorised under `authorizationKey`. */
  capture(request: CaptureRequest, signal: AbortSignal): Promise<FinalAnswer>;
  /**
   * Voids the authorisation under `authorizationKey` and blocks that key: an authorisation request that has not reached
   * the provider yet is declined when it arrives. False when there was nothing to void.
   */
  void(request: VoidRequest, signal: AbortSignal): Promise<boolean>;
  /** Refunds a part, or all, of the money captured under `captureKey`. */
  refund(request: RefundRequest, signal: AbortSignal): Promise<FinalAnswer>;
  /** The outcome of the call, or null if it never reached the provider. */
  find(call: CallToFind, signal: AbortSignal): Promise<FoundCall | null>;
};

export type AuthorizeRequest = {
  key: string;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
};

export type AuthorizeAnswer = { outcome: 'authorized' } | { outcome: 'declined'; reason: string };

export type RenewRequest = Omit<AuthorizeRequest, 'token'> & { authorizationKey: string };

/** The call was done, or was refused and never will be. */
export type FinalAnswer = { outcome: 'done' } | { outcome: 'refused'; reason: string };

export type CaptureRequest = { key: string; authorizationKey: string; amountMinor: number; currency: string };

export type VoidRequest = { key: string; authorizationKey: string };

export type RefundRequest = { key: string; captureKey: string; amountMinor: number; currency: string };

/** `captureKey` is that of the money which a refund is of. */
export type CallToFind = { key: string; kind: CallKind; captureKey: string };

export type CallKind = 'authorize' | 'capture' | 'renew' | 'void' | 'refund';

/** The answer that the call received, or would have received. */
export type FoundCall = AuthorizeAnswer | FinalAnswer;
