using System.Globalization;

namespace AiModels.LocalCluster.Workloads;

/// <summary>A schedule of five fields (minute, hour, day of month, month, day of week) with *, lists, ranges and steps, in UTC.</summary>
internal sealed class CronSchedule
{
    private readonly bool[] _minutes, _hours, _days, _months, _weekdays;
    private readonly bool _anyDay, _anyWeekday;

    private CronSchedule(string[] fields)
    {
        _minutes = Field(fields[0], 0, 59);
        _hours = Field(fields[1], 0, 23);
        _days = Field(fields[2], 1, 31);
        _months = Field(fields[3], 1, 12);
        _weekdays = Field(fields[4], 0, 7);
        _weekdays[0] |= _weekdays[7]; // both are Sunday
        (_anyDay, _anyWeekday) = (fields[2].StartsWith('*'), fields[4].StartsWith('*'));
    }

    /// <summary>Null when the text is not a schedule.</summary>
    public static CronSchedule? Parse(string text)
    {
        text = text.Trim() switch
        {
            "@hourly" => "0 * * * *",
            "@daily" or "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" or "@annually" => "0 0 1 1 *",
            var other => other,
        };
        string[] fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != 5) return null;
        try
        {
            return new CronSchedule(fields);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>The first time after the given one; null when there is none within four years (30 February).</summary>
    public DateTimeOffset? After(DateTimeOffset time)
    {
        DateTimeOffset next = new DateTimeOffset(time.Year, time.Month, time.Day, time.Hour, time.Minute, 0, TimeSpan.Zero).AddMinutes(1);
        DateTimeOffset limit = next.AddYears(4);
        while (next < limit)
        {
            if (!_months[next.Month] || !IsDay(next)) next = new DateTimeOffset(next.Date.AddDays(1), TimeSpan.Zero);
            else if (!_hours[next.Hour]) next = next.AddMinutes(60 - next.Minute);
            else if (!_minutes[next.Minute]) next = next.AddMinutes(1);
            else return next;
        }

        return null;
    }

    // As in every cron: when both day fields are restricted, either is enough.
    private bool IsDay(DateTimeOffset time)
    {
        bool day = _days[time.Day], weekday = _weekdays[(int)time.DayOfWeek];
        return _anyDay || _anyWeekday ? day && weekday : day || weekday;
    }

    private static bool[] Field(string text, int minimum, int maximum)
    {
        bool[] values = new bool[maximum + 1];
        foreach (string part in text.Split(','))
        {
            string[] step = part.Split('/');
            string[] range = step[0] == "*" ? [$"{minimum}", $"{maximum}"] : step[0].Split('-');
            int from = Number(range[0]), to = range.Length > 1 ? Number(range[1]) : step.Length > 1 ? maximum : from, by = step.Length > 1 ? Number(step[1]) : 1;
            if (from < minimum || to > maximum || from > to || by < 1) throw new FormatException();
            for (int value = from; value <= to; value += by) values[value] = true;
        }

        return values;
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
