/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import java.io.IOException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys that requests may use. The file is read again within a second after it changed, so a key
 * that was revoked is refused from then on. While it can't be read, the keys read last stay valid.
 * Safe for concurrent use.
 */
public final class ApiKeys {
  private static final Logger log = LoggerFactory.getLogger(ApiKeys.class);
  private static final long CHECK_NANOS = 1_000_000_000L;

  private final KeyFile file;
  private final LongSupplier nanos;

  private final ConcurrentHashMap<String, RateLimit> rates = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<String, RateLimit> commandRates = new ConcurrentHashMap<>();

  /** How many commands run of each key, by its hash. */
  private final ConcurrentHashMap<String, Integer> commands = new ConcurrentHashMap<>();

  private volatile Map<String, ApiKey> byHash = Map.of();
  private volatile Map<String, ApiKey> byId = Map.of();
  private volatile Map<String, Instant> revokedAt = Map.of();

  // Guarded by this.
  private FileStamp stamp;
  private long checkedAt;

  /**
   * Reads the file.
   *
   * @param nanos a clock as {@link System#nanoTime}
   * @throws IOException if it can't be read
   */
  public ApiKeys(KeyFile file, LongSupplier nanos) throws IOException {
    this.file = file;
    this.nanos = nanos;
    this.checkedAt = nanos.getAsLong();
    this.stamp = FileStamp.of(file.path());
    load();
  }

  /** Returns what is known of a key; empty if it is not valid (any more). */
  public Optional<ApiKey> find(String text) {
    refresh();
    return Optional.ofNullable(byHash.get(KeyFile.hash(text)));
  }

  /** Returns how many keys there are. */
  public int size() {
    return byHash.size();
  }

  /**
   * Counts a request. Returns after how many seconds to try again; 0 if the request may be served.
   */
  public int enter(ApiKey key) {
    if (key.requestsPerSecond() == 0) {
      return 0;
    }
    return rates
        .computeIfAbsent(key.hash(), hash -> new RateLimit(nanos))
        .enter(key.requestsPerSecond());
  }

  /**
   * Counts a command. Returns after how many seconds to try again; 0 if the command may be started.
   */
  public int enterCommand(ApiKey key) {
    if (key.commandsPerSecond() == 0) {
      return 0;
    }
    return commandRates
        .computeIfAbsent(key.hash(), hash -> new RateLimit(nanos))
        .enter(key.commandsPerSecond());
  }

  /** A part of what a key allows at a time. Closing it again does nothing. */
  @FunctionalInterface
  public interface Place extends AutoCloseable {
    @Override
    void close();
  }

  /** Returns a place for a command until its end; empty if the key allows no more of them. */
  public Optional<Place> placeOfCommand(ApiKey key) {
    if (key.maxCommands() == 0) {
      return Optional.of(() -> {});
    }
    AtomicBoolean isTaken = new AtomicBoolean();
    int _ =
        commands.compute(
            key.hash(),
            (hash, count) -> {
              int before = count == null ? 0 : count;
              isTaken.set(before < key.maxCommands());
              return isTaken.get() ? before + 1 : before;
            });
    return isTaken.get() ? Optional.of(() -> leave(key, isTaken)) : Optional.empty();
  }

  private void leave(ApiKey key, AtomicBoolean isTaken) {
    if (isTaken.getAndSet(false)) {
      var _ = commands.computeIfPresent(key.hash(), (h, count) -> count == 1 ? null : count - 1);
    }
  }

  /**
   * Returns the key with which a tenant's sandbox was made, for limits of commands. If it is not
   * valid (any more), the strictest limits of the tenant's keys hold in its place.
   *
   * @param id the key's
   */
  public ApiKey ofSandbox(String id, String tenant) {
    refresh();
    ApiKey known = byId.get(id);
    return known != null
        ? known
        : new ApiKey(
            id,
            tenant,
            tenant + " " + id, // no hash, and the same each time
            Instant.EPOCH,
            0,
            0,
            strictest(tenant, ApiKey::commandsPerSecond),
            strictest(tenant, ApiKey::maxCommands),
            Set.of());
  }

  private int strictest(String tenant, ToIntFunction<ApiKey> limit) {
    return byId.values().stream()
        .filter(key -> key.tenant().equals(tenant))
        .mapToInt(limit)
        .filter(each -> each > 0)
        .min()
        .orElse(0);
  }

  /** Returns when a key of a tenant was revoked last; null if none was. */
  public @Nullable Instant revokedAt(String tenant) {
    refresh();
    return revokedAt.get(tenant);
  }

  private synchronized void refresh() {
    long now = nanos.getAsLong();
    if (now - checkedAt < CHECK_NANOS) {
      return;
    }
    checkedAt = now;
    try {
      FileStamp current = FileStamp.of(file.path());
      if (!current.equals(stamp)) {
        load();
        stamp = current;
        log.info("read {} again: {} keys", file.path(), byHash.size());
      }
    } catch (IOException e) {
      log.warn("keys stay as they were: {}", e.getMessage());
    }
  }

  private void load() throws IOException {
    Map<String, ApiKey> hashes = new HashMap<>();
    Map<String, ApiKey> ids = new HashMap<>();
    KeyFile.Content content = file.content();
    for (ApiKey key : content.keys()) {
      hashes.put(key.hash(), key);
      ids.put(key.id(), key);
    }
    byHash = Map.copyOf(hashes);
    byId = Map.copyOf(ids);
    revokedAt = content.revokedAt();
    rates.keySet().retainAll(hashes.keySet());
    commandRates.keySet().retainAll(hashes.keySet());
  }
}
