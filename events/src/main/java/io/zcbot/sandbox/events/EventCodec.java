/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import org.jspecify.annotations.Nullable;

/**
 * The JSON form of events: snake_case fields, RFC 3339 times in UTC, UTF-8, at most {@link
 * Topic#maxBytes()} bytes. Reading ignores unknown fields, so that producers can be newer than
 * readers.
 *
 * <p>Stateless and safe for concurrent use.
 */
public final class EventCodec {
  /** A codec. One is enough for a process. */
  public EventCodec() {}

  /**
   * The record value of an event, in UTF-8. It can be longer than {@link Topic#maxBytes()} if the
   * event holds too much; readers refuse it then.
   *
   * @throws java.io.UncheckedIOException if a text of the event has an unpaired surrogate
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
      case Output output -> CommandCodec.write(output, out);
      case Exited exited -> CommandCodec.write(exited, out);
    }
    return out.toBytes();
  }

  /** The record key of an event, whatever its kind: its user, as text in ASCII. */
  public byte[] key(SandboxEvent event) {
    return RecordKey.of(event.userId());
  }

  /**
   * Reads an ensure. Key and {@code user_id} are enough: a missing id or time is taken from the
   * record's origin.
   *
   * @throws EventFormatException if the record is not a valid ensure
   */
  public Ensure decodeEnsure(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.ensure(key, value, origin);
  }

  /**
   * Reads an activity. Key and {@code user_id} are enough, as for an ensure.
   *
   * @throws EventFormatException if the record is not a valid activity
   */
  public Activity decodeActivity(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.activity(key, value, origin);
  }

  /**
   * Reads a release. Key and {@code user_id} are enough, as for an ensure.
   *
   * @throws EventFormatException if the record is not a valid release
   */
  public Release decodeRelease(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return RequestCodec.release(key, value, origin);
  }

  /**
   * Reads an exec. A missing id or time is taken from the record's origin.
   *
   * @throws EventFormatException if the record is not a valid exec
   */
  public Exec decodeExec(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return ExecCodec.exec(key, value, origin);
  }

  /**
   * Reads an input. A missing id or time is taken from the record's origin.
   *
   * @throws EventFormatException if the record is not a valid input
   */
  public Input decodeInput(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return CommandCodec.input(key, value, origin);
  }

  /**
   * Reads a record of any topic of events.
   *
   * @throws EventFormatException if the record is not a valid event of that topic, or is none,
   *     because it is a dead letter or an entry of a table
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

  /** The record key of a live entry: it names the container, since a user has several in time. */
  public byte[] liveKey(UserId user, String containerId) {
    return RecordKey.of(user, containerId);
  }

  /** The record value of a live entry. */
  public byte[] encodeLive(LiveSandbox live) {
    return TableCodec.write(live);
  }

  /**
   * Reads a live entry.
   *
   * @throws EventFormatException if the value is not a valid entry
   */
  public LiveSandbox decodeLive(byte[] value) throws EventFormatException {
    return TableCodec.live(value);
  }

  /** The record key of an entry of the table of current sandboxes: its user, as text. */
  public byte[] currentKey(UserId user) {
    return RecordKey.of(user);
  }

  /** The record value of an entry of the table of current sandboxes. */
  public byte[] encodeCurrent(CurrentSandbox current) {
    return TableCodec.write(current);
  }

  /**
   * Reads an entry of the table of current sandboxes.
   *
   * @throws EventFormatException if the value is not a valid entry
   */
  public CurrentSandbox decodeCurrent(byte[] value) throws EventFormatException {
    return TableCodec.current(value);
  }

  /** The record key of an entry of the command table: it names the exec. */
  public byte[] commandKey(UserId user, String execId) {
    return RecordKey.of(user, execId);
  }

  /** The record value of an entry of the command table. */
  public byte[] encodeCommand(CommandEntry entry) {
    return TableCodec.write(entry);
  }

  /**
   * Reads an entry of the command table.
   *
   * @throws EventFormatException if the value is not a valid entry
   */
  public CommandEntry decodeCommand(byte[] value) throws EventFormatException {
    return TableCodec.command(value);
  }
}
