/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.openqa.selenium.By;
import org.openqa.selenium.JavascriptExecutor;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;

/** The console's page in Debian's Chromium, without a window. */
final class Browser implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(180);

  private final ChromeDriver driver;

  Browser() {
    ChromeOptions options =
        new ChromeOptions()
            .setBinary("/usr/bin/chromium")
            .addArguments("--headless=new", "--disable-dev-shm-usage", "--window-size=1400,860")
            // Root and many containers may not use it, and the pages are our own.
            .addArguments("--no-sandbox");
    driver =
        new ChromeDriver(
            new ChromeDriverService.Builder()
                .usingDriverExecutable(new File("/usr/bin/chromedriver"))
                .usingAnyFreePort()
                .withTimeout(DEADLINE)
                .build(),
            options);
    driver.manage().timeouts().pageLoadTimeout(DEADLINE).scriptTimeout(DEADLINE);
  }

  void open(String url) {
    driver.get(url);
  }

  /** Shows the page as a phone in portrait does, which is narrower than a window can be. */
  void becomePhone(int width, int height) {
    driver.executeCdpCommand(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", true));
  }

  /** Shows the page in a window of a desktop again. */
  void becomeDesktop() {
    driver.executeCdpCommand("Emulation.clearDeviceMetricsOverride", Map.of());
  }

  /** Writes what the page shows into a PNG file. */
  void photograph(Path file) throws IOException {
    Files.write(file, driver.getScreenshotAs(OutputType.BYTES));
  }

  void click(String css) {
    driver.findElement(By.cssSelector(css)).click();
  }

  void back() {
    driver.navigate().back();
  }

  Object run(String script) {
    return ((JavascriptExecutor) driver).executeScript(script);
  }

  long number(String script) {
    return ((Number) run(script)).longValue();
  }

  String text(String css) {
    return driver.findElement(By.cssSelector(css)).getText();
  }

  void press(CharSequence... keys) {
    new Actions(driver).sendKeys(keys).perform();
  }

  void pressEscape() {
    press(Keys.ESCAPE);
  }

  /** The errors that the page reported, such as violations of its policy. */
  List<String> complaints() {
    return driver.manage().logs().get("browser").getAll().stream()
        .map(LogEntry::getMessage)
        .toList();
  }

  @Override
  public void close() {
    driver.quit();
  }
}
