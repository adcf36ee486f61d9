/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import org.jspecify.annotations.Nullable;

/**
 * Encodes and decodes events as JSON: snake_case fields, RFC 3339 times in UTC, UTF-8, at most
 * {@link Topic#maxBytes()} bytes. Decoding ignores unknown fields, so that producers can be newer
 * than readers.
 *
 * <p>Stateless and safe for concurrent use.
 */
public final class EventCodec {
  /** Creates a codec. One instance is enough for a process. */
  public EventCodec() {}

  /**
   * Encodes an event as a record value in UTF-8. The event is not checked: readers refuse a value
   * that is longer than {@link Topic#maxBytes()}, or has a text with an unpaired surrogate.
   */
  public byte[] encode(SandboxEvent event) {
    FieldWriter out =
        new FieldWriter()
            .text("event_id", event.eventId())
            .text("user_id", event.userId().toString());
    switch (event) {
      case Ensure ensure -> RequestCodec.write(ensure, out);
      case Activity activity -> RequestCodec.write(activity, out);
      case Release release -> RequestCodec.write(release, out);
      case Ready ready -> ResultCodec.write(ready, out);
      case Reaped reaped -> ResultCodec.write(reaped, out);
      case Failed failed -> ResultCodec.write(failed, out);
      case Expiring expiring -> ResultCodec.write(expiring, out);
      case Exec exec -> ExecCodec.write(exec, out);
      case Input input -> CommandCodec.write(input, out);
      case Started started -> CommandCodec.write(started, out);
      case Output output -> CommandCodec.write(output, out);
      case Exited exited -> CommandCodec.write(exited, out);
    }
    return out.toBytes();
  }

  /** Returns the record key of an event of any kind: the user's id as ASCII text. */
  public byte[] key(SandboxEvent event) {
    return RecordKey.of(event.userId());
  }

  /**
   * Decodes an ensure. The key and {@code user_id} are enough: a missing id or time is taken from
   * the record's origin.
   *
   * @param key the record key, which must be the {@code user_id} of the value
   * @param value the record value
   * @param origin the record's position, timestamp and headers
   * @throws EventFormatException if the record is not a valid ensure
   */
  public Ensure decodeEnsure(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.ensure(key, value, origin);
  }

  /**
   * Decodes an activity. Parameters and defaults are those of {@link #decodeEnsure}.
   *
   * @throws EventFormatException if the record is not a valid activity
   */
  public Activity decodeActivity(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.activity(key, value, origin);
  }

  /**
   * Decodes a release. Parameters and defaults are those of {@link #decodeEnsure}.
   *
   * @throws EventFormatException if the record is not a valid release
   */
  public Release decodeRelease(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.release(key, value, origin);
  }

  /**
   * Decodes an exec. A missing id or time is taken from the record's origin; the parameters are
   * those of {@link #decodeEnsure}.
   *
   * @throws EventFormatException if the record is not a valid exec
   */
  public Exec decodeExec(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return ExecCodec.exec(key, value, origin);
  }

  /**
   * Decodes an input. A missing id or time is taken from the record's origin; the parameters are
   * those of {@link #decodeEnsure}.
   *
   * @throws EventFormatException if the record is not a valid input
   */
  public Input decodeInput(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return CommandCodec.input(key, value, origin);
  }

  /**
   * Decodes a record of any topic that carries events.
   *
   * @param key the record key, which must be the {@code user_id} of the value
   * @param value the record value
   * @param origin the record's position, timestamp and headers; used only for events of agent
   *     services
   * @throws EventFormatException if the record is not a valid event of that topic, or if the topic
   *     carries no events, as the dead-letter topic and the tables
   */
  public SandboxEvent decode(
      Topic topic, byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return switch (topic) {
      case ENSURE -> RequestCodec.ensure(key, value, origin);
      case ACTIVITY -> RequestCodec.activity(key, value, origin);
      case RELEASE -> RequestCodec.release(key, value, origin);
      case READY -> ResultCodec.ready(key, value);
      case REAPED -> ResultCodec.reaped(key, value);
      case FAILED -> ResultCodec.failed(key, value);
      case EXPIRING -> ResultCodec.expiring(key, value);
      case EXEC -> ExecCodec.exec(key, value, origin);
      case INPUT -> CommandCodec.input(key, value, origin);
      case STARTED -> CommandCodec.started(key, value);
      case OUTPUT -> CommandCodec.output(key, value);
      case EXITED -> CommandCodec.exited(key, value);
      case DEAD_LETTER -> throw noEvent("dead-letter topic");
      case LIVE -> throw noEvent("live table");
      case COMMANDS -> throw noEvent("command table");
      case CURRENT -> throw noEvent("table of current sandboxes");
    };
  }

  private static EventFormatException noEvent(String where) {
    return new EventFormatException("value", "a record of the " + where + " is not an event");
  }

  /**
   * Returns the record key of an entry of the live table. It names the user and the container,
   * because a user has several containers over time.
   */
  public byte[] liveKey(UserId user, String containerId) {
    return RecordKey.of(user, containerId);
  }

  /** Encodes an entry of the live table as a record value in UTF-8. */
  public byte[] encodeLive(LiveSandbox live) {
    return TableCodec.write(live);
  }

  /**
   * Decodes an entry of the live table.
   *
   * @param value the record value, which is not the null of a removed entry
   * @throws EventFormatException if the value is not a valid entry
   */
  public LiveSandbox decodeLive(byte[] value) throws EventFormatException {
    return TableCodec.live(value);
  }

  /**
   * Returns the record key of an entry of the table of current sandboxes: the user's id as text.
   */
  public byte[] currentKey(UserId user) {
    return RecordKey.of(user);
  }

  /** Encodes an entry of the table of current sandboxes as a record value in UTF-8. */
  public byte[] encodeCurrent(CurrentSandbox current) {
    return TableCodec.write(current);
  }

  /**
   * Decodes an entry of the table of current sandboxes.
   *
   * @param value the record value, which is not the null of a removed entry
   * @throws EventFormatException if the value is not a valid entry
   */
  public CurrentSandbox decodeCurrent(byte[] value) throws EventFormatException {
    return TableCodec.current(value);
  }

  /** Returns the record key of an entry of the command table. It names the user and the exec. */
  public byte[] commandKey(UserId user, String execId) {
    return RecordKey.of(user, execId);
  }

  /** Encodes an entry of the command table as a record value in UTF-8. */
  public byte[] encodeCommand(CommandEntry entry) {
    return TableCodec.write(entry);
  }

  /**
   * Decodes an entry of the command table.
   *
   * @param value the record value, which is not the null of a removed entry
   * @throws EventFormatException if the value is not a valid entry
   */
  public CommandEntry decodeCommand(byte[] value) throws EventFormatException {
    return TableCodec.command(value);
  }
}
