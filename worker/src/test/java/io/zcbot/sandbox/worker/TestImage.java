package io.zcbot.sandbox.worker;

/** The sandbox image that integration tests use. */
public final class TestImage {
  public static final String NAME = System.getProperty("zcbot.test.image", "zcbot-sandbox:latest");

  private TestImage() {}
}
