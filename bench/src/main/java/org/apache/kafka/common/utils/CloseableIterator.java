/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package org.apache.kafka.common.utils;

import java.io.Closeable;
import java.util.Iterator;

/**
 * Moved by kafka-clients 4.4, where parallel-consumer-core 0.5.3.3 does not look for it. With this,
 * both run on the same client.
 */
public interface CloseableIterator<T> extends Iterator<T>, Closeable {
  @Override
  void close();
}
