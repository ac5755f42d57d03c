-- Statement of stream: it reads which rows of the topic count.

-- read_present_generation --
SELECT sma.present_generation()
