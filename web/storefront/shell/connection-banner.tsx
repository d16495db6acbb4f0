import { useSyncExternalStore } from 'react';

const subscribe = (listener: () => void) => {
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
};

/** One quiet line while there is no network. What was loaded stays to be read. */
export const ConnectionBanner = () => {
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <div role="status">
      {!isOnline && (
        <p className="bg-warn-wash px-4 py-2 text-center text-sm text-warn">
          You are offline. What you have seen stays here; ordering works again when the connection is back.
        </p>
      )}
    </div>
  );
};
