package io.zcbot.sandbox.worker.publish;

import org.jspecify.annotations.Nullable;

/** The topics are not as the contract needs them, or could not be looked at. */
public final class TopicsException extends Exception {
  private static final long serialVersionUID = 1L;

  private final boolean isFinal;

  private TopicsException(String message, boolean isFinal, @Nullable Throwable cause) {
    super(message, cause);
    this.isFinal = isFinal;
  }

  static TopicsException refusal(String message, @Nullable Throwable cause) {
    return new TopicsException(message, true, cause);
  }

  static TopicsException passing(String message, @Nullable Throwable cause) {
    return new TopicsException(message, false, cause);
  }

  /** Whether somebody has to change something first; otherwise Kafka just isn't reached now. */
  public boolean isFinal() {
    return isFinal;
  }

  /** The message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
