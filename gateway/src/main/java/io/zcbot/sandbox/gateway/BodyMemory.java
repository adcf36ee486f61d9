/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.webserver.http.ServerRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The memory of requests whose bodies or answers are kept while they are answered. Each tenant has
 * a share, so whoever fills it has only requests of their own refused. Safe for concurrent use.
 */
public final class BodyMemory {
  private static final long TOTAL = 64 << 20;
  private static final long SHARE = 24 << 20;

  /** What the objects of a message take at most for each of its bytes, and in all. */
  private static final int TREE_FACTOR = 28;

  private static final long MAX_TREE = 4 << 20;

  private final Map<String, Long> taken = new HashMap<>();
  private long free = TOTAL;

  /** What one request takes, until it is closed. For one thread. */
  public final class Part implements AutoCloseable {
    private String tenant = "";
    private long message;
    private long held;

    private Part() {}

    /** Says whose share it is, before it takes something. Nobody's have one together. */
    public void isOf(String tenant) {
      this.tenant = tenant;
    }

    /**
     * Makes room for a message, unless there is as much already.
     *
     * @return false if there is none
     */
    public boolean hold(int bytes) {
      long wanted = 2L * bytes + Math.min(MAX_TREE, (long) TREE_FACTOR * bytes);
      if (wanted <= message) {
        return true;
      }
      if (!take(wanted - message)) {
        return false;
      }
      message = wanted;
      return true;
    }

    /**
     * Makes room for something besides the message, such as an answer.
     *
     * @return false if there is none
     */
    public boolean take(long more) {
      synchronized (BodyMemory.this) {
        long all = taken.getOrDefault(tenant, 0L) + more;
        if (more > free || all > SHARE) {
          return false;
        }
        free -= more;
        taken.put(tenant, all);
      }
      held += more;
      return true;
    }

    /**
     * Reads a message.
     *
     * @param most how many bytes are wanted at most; of a longer one, some more are returned
     * @return null if there is no room for it
     */
    public byte @Nullable [] read(InputStream in, int most) throws IOException {
      ByteArrayOutputStream message = new ByteArrayOutputStream();
      byte[] buffer = new byte[8192];
      while (message.size() <= most) {
        int count = in.read(buffer);
        if (count < 0) {
          break;
        }
        if (!hold(message.size() + count)) {
          return null;
        }
        message.write(buffer, 0, count);
      }
      return message.toByteArray();
    }

    @Override
    public void close() {
      if (held > 0) {
        synchronized (BodyMemory.this) {
          free += held;
          long left = taken.getOrDefault(tenant, 0L) - held;
          if (left == 0) {
            taken.remove(tenant);
          } else {
            taken.put(tenant, left);
          }
        }
        held = 0;
        message = 0;
      }
    }
  }

  Part part() {
    return new Part();
  }

  /** Returns what a request takes, which every request has. */
  public static Part of(ServerRequest request) {
    return request.context().get(Part.class).orElseThrow();
  }

  /** What a client is told whose message has no room. */
  public static final String FULL =
      "too many large messages of this tenant, or of all, are being served; try again";

  /** What a client is told whose answer has no room. */
  public static final String ANSWER_FULL =
      "this tenant's answers, or those of all, take too much memory; ask for less, for one instead of a batch, or again";
}
