import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client.ts';
import { openStream, type StreamState } from '../../api/live-stream.ts';
import { orderTokenOf } from './order-tokens.ts';
import { isOpen, type Order } from './order-words.ts';
import { isMoneyOnItsWay, pollMsOf } from './poll.ts';

export const orderKey = (orderId: string) => ['get', '/api/orders/{id}', orderId] as const;

/** The parameters of every request about the order: a guest proves himself by its token. */
export const orderParams = (orderId: string) => {
  const token = orderTokenOf(orderId);
  return { path: { id: orderId }, header: token === undefined ? {} : { 'x-order-token': token } };
};

/** The order, followed live: its stream pushes each status while it is open, and what comes later is asked for. */
export const useOrder = (orderId: string) => {
  const client = useQueryClient();
  const [stream, setStream] = useState<StreamState>('connecting');
  const awaitedSinceMs = useRef<number>(undefined);
  const asked = useQuery({
    queryKey: orderKey(orderId),
    staleTime: 1000,
    queryFn: async ({ signal }) =>
      (await api.GET('/api/orders/{id}', { params: orderParams(orderId), signal })).data,
    refetchInterval: ({ state: { data } }) => {
      if (data === undefined) return false;
      const nowMs = performance.now();
      awaitedSinceMs.current = isMoneyOnItsWay(data) ? (awaitedSinceMs.current ?? nowMs) : undefined;
      const awaitedForMs = nowMs - (awaitedSinceMs.current ?? nowMs);
      return pollMsOf(data, { isStreamed: stream === 'open', awaitedForMs });
    },
  });
  const isFollowed = asked.data !== undefined && isOpen(asked.data.status);
  useEffect(() => {
    if (!isFollowed) return;
    const token = orderTokenOf(orderId);
    return openStream(`/api/orders/${orderId}/stream`, {
      ...(token === undefined ? {} : { headers: { 'x-order-token': token } }),
      onState: setStream,
      onEvent: ({ type, data }) => {
        if (type !== 'status') return;
        const news = data as Pick<Order, 'status' | 'reason'>;
        client.setQueryData<Order>(orderKey(orderId), (order) => order && { ...order, ...news });
        // The payment and the shipment have changed with it.
        void client.invalidateQueries({ queryKey: orderKey(orderId) });
      },
    });
  }, [orderId, isFollowed, client]);
  return { ...asked, stream };
};
